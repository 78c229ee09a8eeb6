//! The kernel program: tells user space of every successful execution.
//!
//! Two ways to notice one, of which the reader loads one:
//!
//! | module  | hook                                                  | needs                      |
//! |---------|-------------------------------------------------------|----------------------------|
//! | [exec]  | raw tracepoint `sched_process_exec`                   | the kernel's BTF           |
//! | [enter] | tracepoints `sys_enter_execve(at)`, `sys_exit_execve(at)` | tracefs                |
//!
//! Only the kernel's own target can build it; for every other this file is an empty program, so that commands on the
//! whole workspace work on the host.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![cfg_attr(target_arch = "bpf", expect(unsafe_code, reason = "kernel memory is read through raw pointers"))]
#![cfg_attr(target_arch = "bpf", allow(linker_messages, reason = "bpf-linker tells of LLVM's remarks"))]

#[cfg(target_arch = "bpf")]
mod enter;
#[cfg(target_arch = "bpf")]
mod exec;
#[cfg(target_arch = "bpf")]
mod kernel;
#[cfg(target_arch = "bpf")]
mod output;
#[cfg(target_arch = "bpf")]
mod sockets;

#[cfg(not(target_arch = "bpf"))]
fn main() {}

/// GPL-only helpers (reading kernel memory) are refused to an object that does not declare this.
#[cfg(target_arch = "bpf")]
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// Never reached: the verifier refuses a program that could be. The compiler wants one.
#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
