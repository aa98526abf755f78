#pragma once
// Small files beside the stores: a library's description, its high-water mark.

#include "messages/error.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace shoal {

/// Replaces the file, or makes it with its folders; once this answers, a power cut leaves the new
/// text, and at any time before either the old or the new one, whole.
status replace_file(const std::filesystem::path& file, const std::string& text);

/// All of the file; nothing when there is none.
result<std::optional<std::string>> read_small_file(const std::filesystem::path& file);

/// Renames a folder, durably. What is at `to` already is ec::conflict.
status move_folder(const std::filesystem::path& from, const std::filesystem::path& to);

} // namespace shoal
