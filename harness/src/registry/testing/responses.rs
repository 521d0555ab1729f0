//! Responses, right and wrong.

use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use futures::stream;

use super::Fault;

pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::from(body.to_owned())).unwrap()
}

/// Content, perhaps not as it should be.
pub(super) fn deliver(content: &[u8], media_type: &str, fault: Option<&Fault>) -> Response {
    if let Some(Fault::Endless) = fault {
        let endless = stream::repeat_with(|| Ok::<_, std::io::Error>(vec![0; 1 << 16]));
        return Response::new(Body::from_stream(endless));
    }
    let mut content = content.to_vec();
    let mut announced = Some(content.len());
    let mut pieces = usize::MAX;
    let mut pause = Duration::ZERO;
    let mut cut_off = false;
    match fault {
        Some(Fault::Truncated { keep, announced: is_announced }) => {
            content.truncate(*keep);
            announced = is_announced.then_some(content.len());
        }
        Some(Fault::Longer { announced: is_announced }) => {
            content.extend_from_slice(b"more");
            announced = is_announced.then_some(content.len());
        }
        Some(Fault::Flipped { at }) => content[*at] ^= 1,
        Some(Fault::CutOff { after }) => {
            content.truncate(*after);
            cut_off = true;
        }
        Some(Fault::Slow { piece, pause: between }) => (pieces, pause) = (*piece, *between),
        _ => {}
    }
    let mut response = Response::builder().header(header::CONTENT_TYPE, media_type);
    if let Some(length) = announced {
        response = response.header(header::CONTENT_LENGTH, length);
    }
    response.body(Body::from_stream(paced(content, pieces, pause, cut_off))).unwrap()
}

fn paced(
    content: Vec<u8>,
    piece: usize,
    pause: Duration,
    cut_off: bool,
) -> impl stream::Stream<Item = Result<Vec<u8>, std::io::Error>> {
    let next = move |mut rest: Option<Vec<u8>>| async move {
        let mut content = rest.take()?;
        tokio::time::sleep(pause).await;
        if content.is_empty() {
            return cut_off.then(|| (Err(std::io::Error::other("cut off")), None));
        }
        let later = content.split_off(piece.min(content.len()));
        Some((Ok(content), Some(later)))
    };
    stream::unfold(Some(content), next)
}
