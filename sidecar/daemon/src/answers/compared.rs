//! The engine's words for rows and scores in the API's.

use anomaly_api::model::{Compared, ComparedFeature, KnownRow, NearRow};
use anomaly_baseline::{Inspection, RowView, Score};

use super::seconds;
use crate::ids::Id;

/// A row.
pub(super) fn row(view: &RowView) -> KnownRow {
    let execution = &view.execution;
    KnownRow {
        id: Id::of_row(view).full(),
        state: view.state.as_str().to_owned(),
        name: execution.name.to_string(),
        parent: execution.parent.to_string(),
        grandparent: execution.grandparent.to_string(),
        uid: execution.uid,
        command: execution.command_line(),
        surroundings: view.surroundings.iter().map(ToString::to_string).collect(),
        seen: view.count,
        days: view.days.len(),
        first_seen: seconds(view.first_seen),
        last_seen: seconds(view.last_seen),
    }
}

/// How a score comes about.
pub(super) fn compared(inspection: &Inspection) -> Compared {
    Compared {
        score: inspection.score.map(Score::value),
        level: inspection.level.as_str().to_owned(),
        threshold: inspection.threshold.value(),
        distance: Score::floor(inspection.distance).value(),
        cosine: inspection.cosine,
        unknown: inspection.unknown,
        rate: inspection.rate,
        repeats: inspection.repeats,
        reason: inspection.explanation.reason.clone(),
        row: inspection.row.as_ref().map(row),
        features: inspection
            .features
            .iter()
            .map(|feature| ComparedFeature {
                text: feature.text.clone(),
                weight: feature.weight,
                known: feature.known,
                shared: feature.shared.clone(),
            })
            .collect(),
        neighbours: inspection
            .neighbours
            .iter()
            .map(|neighbour| NearRow {
                row: row(&neighbour.row),
                cosine: neighbour.cosine,
                missing: neighbour.missing.clone(),
            })
            .collect(),
    }
}
