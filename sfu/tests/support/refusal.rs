//! A kernel that refuses: system calls of one thread, and of those that it starts, fail as told (seccomp(2)).

use std::thread;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// A system call that is to fail.
pub(crate) struct Failing {
    pub(crate) call: libc::c_long,
    /// Only where the arguments at these positions have these values.
    pub(crate) only_if: &'static [(u8, libc::c_int)],
    pub(crate) errno: libc::c_int,
}

/// Does `work` on a thread for which the kernel refuses this. Nothing is refused afterwards, for a thread takes its
/// filters with it when it ends. Where the machine allows no filters the test is told to say so.
pub(crate) fn refusing<T: Send>(failing: Failing, work: impl FnOnce() -> T + Send) -> Option<T> {
    let filter = filter(&failing);
    let worked = thread::scope(|scope| {
        let refused = scope.spawn(|| {
            seccompiler::apply_filter(&filter).ok()?;
            Some(work())
        });
        refused.join()
    });
    match worked {
        Ok(None) => {
            eprintln!("not tried: this machine allows no filter of system calls");
            None
        }
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn filter(failing: &Failing) -> BpfProgram {
    let conditions = failing.only_if.iter().map(|&(argument, value)| {
        let (len, equal) = (SeccompCmpArgLen::Dword, SeccompCmpOp::Eq);
        SeccompCondition::new(argument, len, equal, value as u64).expect("an argument's position")
    });
    // Without a rule the call always matches.
    let rules = match failing.only_if {
        [] => vec![],
        _ => vec![SeccompRule::new(conditions.collect()).expect("conditions")],
    };
    let filter = SeccompFilter::new(
        [(failing.call, rules)].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(failing.errno as u32),
        std::env::consts::ARCH
            .try_into()
            .expect("an architecture with filters"),
    );
    let program = filter.and_then(TryInto::try_into);
    program.expect("a filter that compiles")
}
