# make dev | build | test | lint | bench | debug | checked | emulate | size
PYTHON ?= python3

dev:            ## install for development, with every tool
	$(PYTHON) -m pip install -e '.[test,lint,examples]'

build:          ## compile csrc/ and the binding in place
	$(PYTHON) setup.py -q build_ext --inplace

test:
	$(PYTHON) -m pytest

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -c "import clang_format; clang_format.clang_format()" --dry-run --Werror csrc/*.[ch]

bench:
	$(PYTHON) -m pytest bench/
	$(PYTHON) bench/compare.py

debug:          ## the tests of kernels and ops under the address and undefined-behaviour sanitizers
	FASTNN_DEBUG=1 $(PYTHON) setup.py -q build --build-base build/debug --build-lib build/debug/lib
	cd build/debug && PYTHONPATH=lib ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1 \
		LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libstdc++.so)" \
		$(PYTHON) -P -m pytest ../../tests/csrc ../../tests/ops

checked:        ## the same tests with every kernel call on guarded copies, in any ranges of units (csrc/checked.h)
	FASTNN_CHECKED=1 $(PYTHON) setup.py -q build --build-base build/checked --build-lib build/checked/lib
	rm -f build/checked/found
	cd build/checked && PYTHONPATH=lib FASTNN_CHECKED_LOG=$(CURDIR)/build/checked/found \
		$(PYTHON) -P -m pytest ../../tests/csrc ../../tests/ops
	@! cat build/checked/found 2>/dev/null

emulate:        ## the AVX-512 kernels' tests on a CPU without it (needs Debian's libsimde-dev)
	FASTNN_EMULATE_AVX512=1 $(PYTHON) setup.py -q build --force --build-base build/emulate --build-lib build/emulate/lib
	cd build/emulate && PYTHONPATH=lib FASTNN_ISA=avx512 $(PYTHON) -P -m pytest ../../tests/csrc ../../tests/ops

size:           ## lines per folder
	@for d in csrc fastnn tests bench docs examples; do printf '%7d %s\n' $$(git ls-files $$d | grep -E '\.(c|h|py|pyx|md)$$' | xargs cat 2>/dev/null | wc -l) $$d; done

.PHONY: dev build test lint bench debug checked emulate size
