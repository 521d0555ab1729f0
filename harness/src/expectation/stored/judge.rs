//! Holds what was found in registries against what is wanted. Pure.

use super::{
    Item, Kind, Period, Sizes, Wanted,
    look::{Found, Part, Seen, Sight},
};
use crate::images::Lock;

/// What follows from all that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Met {
        seen: String,
    },
    /// What is not as it should be, each a sentence; and what could not be looked at besides.
    Unmet {
        flaws: Vec<String>,
        troubles: Vec<String>,
    },
    /// What could not be looked at, each a sentence, where nothing is known to be wrong.
    Unseen {
        troubles: Vec<String>,
    },
}

/// Judges `sights` of `items`. `lock` is the file that is wanted to be held to.
pub fn judge(wanted: &Wanted<'_>, items: &[Item], sights: &[Sight], lock: Option<&Lock>) -> Verdict {
    let (mut flaws, mut troubles) = (Vec::new(), Vec::new());
    let mut digests: Vec<&str> = Vec::new();
    for index in 0..items.len() {
        let mut found: Vec<(&str, &Found)> = Vec::new();
        for sight in sights.iter().filter(|sight| sight.item == index) {
            match &sight.seen {
                Seen::Found(one) => {
                    found.push((&sight.reference, one));
                    flaws.extend(one.flaws.iter().cloned());
                    let told = of_one(wanted, one);
                    flaws.extend(told.into_iter().map(|flaw| format!("{}: {flaw}", sight.reference)));
                    if let Some(lock) = lock {
                        flaws.extend(of_lock(lock, &sight.reference, one));
                    }
                }
                Seen::Lacking(flaw) => flaws.push(flaw.clone()),
                Seen::Trouble(trouble) => troubles.push(trouble.clone()),
            }
        }
        digests.extend(found.iter().map(|(_, one)| one.digest.as_str()));
        if wanted.same_digest {
            flaws.extend(differing(&found));
        }
    }
    if !flaws.is_empty() {
        return Verdict::Unmet { flaws, troubles };
    }
    if !troubles.is_empty() {
        return Verdict::Unseen { troubles };
    }
    let seen = match digests.as_slice() {
        [one] => (*one).to_owned(),
        all => {
            let unique: std::collections::BTreeSet<&&str> = all.iter().collect();
            format!("{} references, {} digests", all.len(), unique.len())
        }
    };
    Verdict::Met { seen }
}

/// Where the same name has another digest than where it was found first.
fn differing(found: &[(&str, &Found)]) -> Vec<String> {
    let Some(((first, one), rest)) = found.split_first() else { return Vec::new() };
    rest.iter()
        .filter(|(_, other)| other.digest != one.digest)
        .map(|(reference, other)| {
            format!("{reference}: expected the digest that {first} has, {}, saw {}", one.digest, other.digest)
        })
        .collect()
}

fn of_lock(lock: &Lock, reference: &str, found: &Found) -> Option<String> {
    match lock.find(reference) {
        Some(locked) if locked.digest == found.digest => None,
        Some(locked) => Some(format!(
            "{reference}: expected the digest of the lock file, {}, saw {}: it was moved since",
            locked.digest, found.digest
        )),
        None => Some(format!("{reference}: expected it in the lock file, and it is not there")),
    }
}

fn of_one(wanted: &Wanted<'_>, found: &Found) -> Vec<String> {
    let mut flaws = Vec::new();
    if let Some(digest) = wanted.digest.filter(|digest| *digest != found.digest) {
        flaws.push(format!("expected the digest {digest}, saw {}", found.digest));
    }
    if !wanted.media_types.is_empty() && !wanted.media_types.contains(&found.media_type) {
        flaws.push(format!("expected the media type {}, saw {}", wanted.media_types.join(" or "), found.media_type));
    }
    if let Kind::Image { platforms, .. } = &wanted.kind {
        let seen: Vec<String> =
            found.parts.iter().filter_map(|part| part.platform.as_ref().map(ToString::to_string)).collect();
        let is_there = |wanted: &String| {
            found.parts.iter().any(|part| part.platform.as_ref().is_some_and(|platform| platform.is(wanted)))
        };
        let lacking: Vec<&str> = platforms.iter().filter(|platform| !is_there(platform)).map(String::as_str).collect();
        if !lacking.is_empty() {
            flaws.push(format!("expected the platform {}, saw {}", lacking.join(", "), super::super::enumerate(&seen)));
        }
    }
    for part in &found.parts {
        let place = match &part.platform {
            Some(platform) if found.index => format!("for {platform} "),
            _ => String::new(),
        };
        flaws.extend(of_part(wanted, part).into_iter().map(|flaw| format!("{place}{flaw}")));
    }
    flaws
}

fn of_part(wanted: &Wanted<'_>, part: &Part) -> Vec<String> {
    let mut flaws = Vec::new();
    if let Some(Sizes { at_least, at_most }) = wanted.size {
        #[expect(clippy::cast_precision_loss, reason = "of a petabyte, a byte more or less is all the same")]
        let size = part.size as f64;
        for (bound, wrong, word) in [
            (at_least, at_least.as_ref().is_some_and(|least| size < least.value()), "at least"),
            (at_most, at_most.as_ref().is_some_and(|most| size > most.value()), "at most"),
        ] {
            if let Some(bound) = bound.as_ref().filter(|_| wrong) {
                flaws.push(format!("expected {word} {} in size, saw {} bytes", bound.as_str(), part.size));
            }
        }
    }
    match &wanted.kind {
        Kind::Artifact { artifact_type, files } => {
            if let Some(wanted) = artifact_type.filter(|wanted| Some(*wanted) != part.artifact_type.as_deref()) {
                let seen = part.artifact_type.as_deref().unwrap_or("none");
                flaws.push(format!("expected the artifact type {wanted}, saw {seen}"));
            }
            for file in files.iter().filter(|file| !part.files.contains(file)) {
                flaws.push(format!("expected the file {file}, saw {}", super::super::enumerate(&part.files)));
            }
        }
        Kind::Any => {}
        Kind::Image { created, user, entrypoint, .. } => {
            let Some(config) = &part.config else { return flaws };
            if let Some(period) = created {
                flaws.extend(of_period(period, config.created.as_deref()));
            }
            if let Some(wanted) = user.filter(|wanted| *wanted != config.config.user) {
                flaws.push(format!("expected the user `{wanted}`, saw `{}`", config.config.user));
            }
            let seen = config.config.entrypoint.as_deref().unwrap_or_default();
            if let Some(wanted) = entrypoint.filter(|wanted| *wanted != seen) {
                flaws.push(format!("expected the entry point {wanted:?}, saw {seen:?}"));
            }
        }
    }
    flaws
}

fn of_period(Period { from, until }: &Period, created: Option<&str>) -> Option<String> {
    let bounds = match (from, until) {
        (Some(from), Some(until)) => format!("from {from} until {until}"),
        (Some(from), None) => format!("{from} or later"),
        (None, Some(until)) => format!("{until} or before"),
        (None, None) => return None,
    };
    let Some(day) = created.and_then(|created| created.parse::<jiff::Timestamp>().ok()) else {
        return Some(format!("expected it built {bounds}, and it does not say when it was"));
    };
    // Days are compared as texts, both by UTC.
    let day = day.strftime("%Y-%m-%d").to_string();
    let early = from.as_ref().is_some_and(|from| day < *from);
    let late = until.as_ref().is_some_and(|until| day > *until);
    (early || late).then(|| format!("expected it built {bounds}, saw {day}"))
}
