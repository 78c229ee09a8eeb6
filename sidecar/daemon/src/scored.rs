//! From an observation and the engine's answer to what leaves the machine.

use std::hash::Hasher;

use anomaly_baseline::{Score, Standing, Verdict};
use anomaly_capture::Observation;
use anomaly_capture::recording::{Label, Recorded};
use anomaly_scored::ScoredExecution;
use siphasher::sip128::{Hasher128, SipHasher13};

/// Whose executions these are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The machine's name.
    pub host: String,
    /// The organisation.
    pub org: String,
    /// What tells this boot of this machine from every other: the kernel's boot id, or nothing for a recording.
    pub boot: String,
}

/// What leaves the machine.
pub fn scored(recorded: &Recorded, verdict: &Verdict, origin: &Origin) -> ScoredExecution {
    let Recorded { observation, day, phase, label, session, split } = recorded;
    let execution = &observation.execution;
    let is_act = execution.kind.is_act();
    let Verdict {
        workload,
        standing,
        score,
        distance,
        smoothed,
        threshold,
        level,
        novel,
        first,
        seen,
        explanation,
    } = verdict;
    let explanation = explanation.as_ref();
    let nearest = explanation.and_then(|explanation| explanation.nearest.clone());
    ScoredExecution {
        id: id(observation, origin),
        host: origin.host.clone(),
        org: origin.org.clone(),
        workload: workload.to_string(),
        // Exact to the microsecond until the year 2255.
        time: observation.time as f64 / 1e6,
        feed: observation.feed.to_string(),
        pid: observation.identity.tgid,
        ppid: observation.ppid,
        name: execution.name.to_string(),
        parent: execution.parent.to_string(),
        grandparent: execution.grandparent.to_string(),
        uid: execution.uid,
        exe: observation.exe.clone(),
        args: (!is_act).then(|| execution.arguments.iter().map(str::to_owned).collect()),
        kind: is_act.then_some(execution.kind),
        object: is_act.then(|| execution.object().to_owned()),
        flags: is_act.then(|| execution.flags().map(str::to_owned).collect()),
        command: execution.command_line(),
        surroundings: observation.surroundings.clone(),
        score: *score,
        score_permille: score.map(Score::permille),
        distance: *distance,
        smoothed: *smoothed,
        threshold: *threshold,
        level: *level,
        novel: *novel,
        first: *first,
        seen: *seen,
        standing: name(standing).to_owned(),
        held: verdict.held(),
        reason: explanation.map(|explanation| explanation.reason.clone()),
        nearest_seen: nearest.as_ref().and(explanation).map(|explanation| explanation.nearest_seen),
        nearest,
        learning: match standing {
            Standing::Learning(progress) => Some((*progress).into()),
            _ => None,
        },
        recorded: anomaly_scored::Recorded {
            day: *day,
            phase: phase.clone(),
            label: label.map(|label| match label {
                Label::Benign => "benign".to_owned(),
                Label::Attack => "attack".to_owned(),
            }),
            session: session.clone(),
            split: split.clone(),
        },
    }
}

/// 32 hexadecimal digits of which no other execution of any machine has the same.
fn id(observation: &Observation, origin: &Origin) -> String {
    let mut hasher = SipHasher13::new_with_keys(0x6661_6c63_6f2d_616e, 0x6f6d_616c_7964_2131);
    for text in [&origin.boot, &origin.host, &observation.workload] {
        hasher.write_u64(text.len() as u64);
        hasher.write(text.as_bytes());
    }
    let identity = observation.identity;
    hasher.write_u32(identity.tgid);
    hasher.write_u64(identity.start_boottime);
    hasher.write_u64(identity.exec_id.map_or(u64::MAX, u64::from));
    hasher.write_i64(observation.time);
    // A recording may have several lines without process ids at one moment.
    for argument in observation.execution.arguments.iter() {
        hasher.write(argument.as_bytes());
        hasher.write_u8(0);
    }
    let digest = hasher.finish128();
    format!("{:016x}{:016x}", digest.h1, digest.h2)
}

/// A standing as a word.
const fn name(standing: &Standing) -> &'static str {
    match standing {
        Standing::Learning(_) => "learning",
        Standing::Known => "known",
        Standing::Learned => "learned",
        Standing::Held => "held",
        Standing::Denied => "denied",
        Standing::Unlearned => "unlearned",
        Standing::Loading => "loading",
        Standing::Waking => "waking",
        Standing::Refused => "refused",
    }
}
