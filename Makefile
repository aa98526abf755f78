# The commands a user types; see README.md. Everything is built by CMake and Ninja below build/.
SHELL := /bin/bash
DEPS = @deploy/install-dependencies.sh

.PHONY: build demo test bench lint clean dev asan fuzz chaos web package
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
	$(DEPS) test
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

# The status page's built files, of its sources; commit them.
web:
	cd web && npm ci --ignore-scripts --no-audit --no-fund && node build.mjs dist

# build/package/shoal_VERSION_ARCH.deb, and what a container image is made of (deploy/Containerfile).
package: build
	@mkdir -p build/package && rm -f build/package/*.deb
	@cp deploy/container-start.sh build/package
	@deploy/package.sh build/release/shoal build/package

clean:
	rm -rf build
