//! The least reward plugin.

use agentmesh_pdk::{OutcomeStatus, Score, ScoreRequest, reward};

#[reward]
fn reward_success(request: ScoreRequest) -> Score {
    match request.outcome.status {
        OutcomeStatus::Ok => Score::new(5, ["success"]),
        OutcomeStatus::Error => Score::new(-5, ["error"]),
        _ => Score::default(),
    }
}
