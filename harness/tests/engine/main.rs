//! The engine on a scripted API server: no network, no cluster.

#[path = "../support/mod.rs"]
mod support;

mod cells;
mod diagnosis;
mod hopeless;
mod known;
mod ledger;
mod outage;
mod programs;
mod schedule;
mod verdicts;
mod waiting;
