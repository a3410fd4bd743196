# The tools that a complete `make test` wants besides Go, and the Debian packages
# they come in. Sourced by .ci/run and .ci/steps.

# tool_packages NAME prints the packages that bring the tool.
tool_packages() {
	case $1 in
	gcc) echo gcc libc6-dev ;;
	wasm-ld) echo lld ;;
	wat2wasm) echo wabt ;;
	node) echo nodejs ;;
	*) echo "$1" ;;
	esac
}

# tool_label NAME prints what to call the tool when it is not there.
tool_label() {
	case $1 in
	gcc) echo "a C compiler with the C library's headers" ;;
	clang) echo "clang with the target wasm32" ;;
	node) echo "node 20 or newer" ;;
	*) echo "$1" ;;
	esac
}

# tool_path NAME prints where the tool is, and fails if it is missing.
tool_path() {
	local name
	case $1 in
	gcc)
		# What Go calls for -race; a compiler without the C library's headers does not count.
		name=$(go env CC)
		name=${name%% *}
		command -v "$name" && echo '#include <stdlib.h>' | "$name" -E -x c - >/dev/null 2>&1
		;;
	clang)
		# Apple's knows no wasm32.
		command -v clang && echo 'int none;' | clang --target=wasm32 -x c -c -o /dev/null - 2>/dev/null
		;;
	node)
		# The oldest version with the test runner that the client tests use.
		command -v node && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'
		;;
	chromium)
		for name in chromium chromium-browser google-chrome google-chrome-stable; do
			command -v "$name" && return
		done
		return 1
		;;
	*) command -v "$1" ;;
	esac
}

# tool_version NAME prints the first line that the tool says about its version.
tool_version() {
	local path
	path=$(tool_path "$1" | tail -n 1)
	"$path" --version 2>/dev/null </dev/null | head -n 1
}
