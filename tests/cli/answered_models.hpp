#pragma once
// Models as a node answers them: with a counter, derived and random ids, references that cascade.

namespace shoal {

constexpr const char* answered_models = R"({"items":[
    {"name":"tag","id":"fields","fields":[{"name":"uses","merge":"counter","references":null,"cascades":false}]},
    {"name":"device","id":"own_device","fields":[]},
    {"name":"location","id":"random","fields":[]},
    {"name":"entry","id":"random","fields":[
      {"name":"location_id","merge":"lww","references":"location","cascades":true},
      {"name":"parent_id","merge":"lww","references":"entry","cascades":true}]}]})";

} // namespace shoal
