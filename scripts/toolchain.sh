# shellcheck shell=bash
# Which Rust builds the project, and which builds its kernel program. Sourced by the other scripts; changes PATH and
# nothing else, prints nothing.
#
# Three kinds of machine are told apart by what they have, never by their name: rustup with a new enough Rust, a
# distribution whose own packages are new enough (Debian 12's rustc-web), and both. There is no rust-toolchain.toml:
# the distribution's packages do not read it, and rustup would fetch what the machine can do without.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CARGO_HOME=${CARGO_HOME:-${HOME:?is not set}/.cargo}

# The oldest Rust that builds the workspace, from the one place that says so.
rust_minimum=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$project/Cargo.toml")

# at_least VERSION WANTED
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# Whether the rustc beside a cargo will do; rustup's has no version while there is no default toolchain.
new_enough_in() {
    local version
    version=$(PATH="$1:$PATH" rustc --version 2>/dev/null | sed -n 's/^rustc \([0-9.]*\).*/\1/p')
    [ -n "$version" ] && at_least "$version" "$rust_minimum"
}

# Puts a cargo that is new enough first on PATH, with the rustc and the tools beside it: the one in use if it will do,
# else rustup's stable.
use_rust() {
    local folder
    case ":$PATH:" in *":$CARGO_HOME/bin:"*) ;; *) export PATH="$PATH:$CARGO_HOME/bin" ;; esac
    for folder in "$(dirname "$(command -v cargo || echo /nowhere/cargo)")" "$CARGO_HOME/bin" /usr/bin; do
        if [ -x "$folder/cargo" ] && new_enough_in "$folder"; then
            export PATH="$folder:$PATH"
            return
        fi
    done
    command -v rustup >/dev/null || return 1
    folder=$(dirname "$(command -v rustup)")
    if RUSTUP_TOOLCHAIN=stable RUSTUP_AUTO_INSTALL=0 new_enough_in "$folder"; then
        export PATH="$folder:$PATH" RUSTUP_TOOLCHAIN=stable
        return
    fi
    return 1
}

# Where the distribution keeps a core library compiled for BPF, if it has one.
bpf_core_in_usr() { compgen -G '/usr/lib/rustlib/bpfel-unknown-none/lib/libcore-*.rlib' >/dev/null; }

nightly_with_source() {
    local sysroot
    command -v rustup >/dev/null || return 1
    sysroot=$(RUSTUP_AUTO_INSTALL=0 rustup run nightly rustc --print sysroot 2>/dev/null) || return 1
    [ -f "$sysroot/lib/rustlib/src/rust/library/Cargo.lock" ]
}

# Prints the command that starts the rustc which compiles the kernel program, by the same order as capture/build.rs:
# the standard way of Aya first. Fails where there is none.
bpf_rustc() {
    if nightly_with_source; then
        echo "rustup run nightly rustc"
    elif bpf_core_in_usr; then
        echo /usr/bin/rustc
    else
        return 1
    fi
}

target_directory() { echo "${CARGO_TARGET_DIR:-$project/target}"; }

announce_first_build() {
    compgen -G "$(target_directory)/debug/deps/liblancedb-*.rlib" >/dev/null ||
        echo "the first build compiles LanceDB and its 440 crates: some ten minutes on two cores; later ones take seconds" >&2
}
