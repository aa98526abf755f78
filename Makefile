# The commands a user types; see README.md. Everything is built by CMake and Ninja below build/.
SHELL := /bin/bash
DEPS = @deploy/install-dependencies.sh

.PHONY: build demo test bench lint clean dev asan fuzz chaos
build:
	$(DEPS)
	@cmake --preset release > build-release.log 2>&1 || { cat build-release.log; rm -f build-release.log; exit 1; }; rm -f build-release.log
	@cmake --build --preset release --target shoal

dev asan:
	$(DEPS)
	cmake --preset $@
	cmake --build --preset $@

demo: build
	@deploy/demo.sh build/release/shoal

test:
	$(DEPS)
	@deploy/test.sh

bench: build
	@benches/run.sh build/release/shoal

fuzz:
	$(DEPS)
	@deploy/fuzz.sh 30

chaos:
	$(DEPS)
	@deploy/chaos.sh

lint:
	$(DEPS)
	@deploy/lint.sh

clean:
	rm -rf build
