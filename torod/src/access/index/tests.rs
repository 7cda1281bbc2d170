//! What the index of tokens promises.

use super::*;

fn row(id: i64, byte: u8) -> TokenRow {
    TokenRow { id, digest: [byte; 32], ..TokenRow::new(&format!("tok_{id}"), Role::Inferrer) }
}

fn below(parent: i64, row: TokenRow) -> TokenRow {
    TokenRow { parent_id: Some(parent), ..row }
}

#[test]
fn finds_what_was_published_last_and_keeps_ended_ones() {
    let index = TokenIndex::new(&[row(1, 1)]);
    let digest = Digest([1; 32]);
    assert_eq!(index.find(&digest).unwrap().state(5), TokenState::Live);
    assert!(index.find(&Digest([2; 32])).is_none());
    // A digest that shares the hashed bytes is still another one.
    let mut near = [1; 32];
    near[31] = 9;
    assert!(index.find(&Digest(near)).is_none());
    let changed = [TokenRow { revoked_ms: Some(3), ..row(1, 1) }, TokenRow { expires_ms: Some(5), ..row(2, 2) }];
    index.publish(&changed, &[]);
    assert_eq!(index.find(&digest).unwrap().state(5), TokenState::Revoked);
    let second = index.find(&Digest([2; 32])).unwrap();
    assert_eq!((second.state(4), second.state(5)), (TokenState::Live, TokenState::Expired));
    index.publish(&[], &[1]);
    assert!(index.find(&digest).is_none() && index.by_id(1).is_none());
    assert_eq!(index.len(), 1);
}

#[test]
fn a_token_ends_with_every_one_above_it() {
    let rows = [
        TokenRow { expires_ms: Some(50), ..row(1, 1) },
        below(1, row(2, 2)),
        below(2, TokenRow { expires_ms: Some(99), ..row(3, 3) }),
    ];
    let index = TokenIndex::new(&rows);
    let ends = |id| index.by_id(id).unwrap().expires_ms;
    assert_eq!((ends(1), ends(2), ends(3)), (Some(50), Some(50), Some(50)));
    index.publish(&[below(1, TokenRow { revoked_ms: Some(1), ..row(2, 2) }), rows[2].clone()], &[]);
    let state = |id| index.by_id(id).unwrap().state(5);
    assert_eq!((state(1), state(2), state(3)), (TokenState::Live, TokenState::Revoked, TokenState::Revoked));
    let chain: Vec<i64> = index.by_id(3).unwrap().chain().map(|token| token.id).collect();
    assert_eq!(chain, [3, 2, 1]);
    // Whoever lost its parent has ended too.
    index.publish(&[below(77, row(4, 4))], &[]);
    assert_eq!(state(4), TokenState::Revoked);
}

#[test]
fn the_meter_outlasts_a_change_and_limits_reach_down() {
    let index = TokenIndex::new(&[row(1, 1), below(1, row(2, 2))]);
    let before = index.by_id(2).unwrap();
    assert!(!before.is_limited && before.capture);
    let limits = Limits { concurrent: Some(1), ..Limits::default() };
    let parent = TokenRow { limits, capture: false, ..row(1, 1) };
    index.publish(&[parent, below(1, row(2, 2))], &[]);
    let after = index.by_id(2).unwrap();
    assert!(Arc::ptr_eq(&before.meter, &after.meter));
    assert!(after.is_limited && !after.capture && after.limits.is_empty());
}

#[test]
fn a_key_before_a_rotation_opens_for_so_long() {
    let index = TokenIndex::new(&[row(1, 1)]);
    index.publish(&[TokenRow { old_key: Some(([1; 32], 100)), ..row(1, 2) }], &[]);
    let (old, new) = (Digest([1; 32]), Digest([2; 32]));
    assert!(index.find(&old).is_none() && index.find(&new).is_some());
    assert!(index.find_at(&old, 99).is_some() && index.find_at(&old, 100).is_none());
    assert!(index.find_at(&new, 1_000).is_some());
    index.publish(&[TokenRow { old_key: Some(([2; 32], 200)), ..row(1, 3) }], &[]);
    assert!(index.find_at(&old, 1).is_none() && index.find_at(&new, 1).is_some());
    index.publish(&[], &[1]);
    assert!(index.find_at(&new, 1).is_none() && index.find_at(&Digest([3; 32]), 1).is_none());
}
