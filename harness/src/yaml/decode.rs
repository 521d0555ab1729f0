//! [`Node`]s to Rust types, through serde.

use serde::{
    Deserialize, Deserializer, de,
    de::{
        IntoDeserializer,
        value::{MapDeserializer, SeqDeserializer, StringDeserializer},
    },
};

use super::node::{NODE, Node, Text, Value, hand_over};
use crate::diagnostic::{Diagnostic, Span};

/// The first thing that did not fit, with the innermost place known.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    pub message: String,
    pub span: Option<Span>,
}

/// Reads `node` as a `T`. A tree that fits `T`'s schema can fail only where a string has to be parsed.
pub fn decode<'de, T: Deserialize<'de>>(node: &'de Node) -> Result<T, DecodeError> {
    T::deserialize(NodeDeserializer(node))
}

impl From<DecodeError> for Diagnostic {
    fn from(error: DecodeError) -> Self {
        Diagnostic { span: error.span, ..Diagnostic::error(error.message) }
    }
}

impl de::Error for DecodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), span: None }
    }
}

#[derive(Clone, Copy)]
struct NodeDeserializer<'de>(&'de Node);

impl NodeDeserializer<'_> {
    /// Adds this node's place to an error that has none yet.
    fn placed<T>(self, result: Result<T, DecodeError>) -> Result<T, DecodeError> {
        result.map_err(|mut error| {
            error.span.get_or_insert_with(|| self.0.span.clone());
            error
        })
    }
}

impl<'de> Deserializer<'de> for NodeDeserializer<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let result = match &self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::String(value) => visitor.visit_borrowed_str(value),
            Value::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(NodeDeserializer))),
            Value::Map(entries) => visitor.visit_map(MapDeserializer::new(
                entries.iter().map(|entry| (KeyDeserializer(&entry.key), NodeDeserializer(&entry.node))),
            )),
        };
        self.placed(result)
    }

    fn deserialize_option<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let result = match self.0.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        };
        self.placed(result)
    }

    fn deserialize_newtype_struct<V: de::Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if name == NODE {
            hand_over(self.0.clone());
            return self.placed(visitor.visit_unit());
        }
        self.placed(visitor.visit_newtype_struct(self))
    }

    fn deserialize_enum<V: de::Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let result = match &self.0.value {
            Value::String(value) => {
                let tag: StringDeserializer<DecodeError> = value.clone().into_deserializer();
                visitor.visit_enum(tag)
            }
            Value::Map(entries) if entries.len() == 1 => {
                visitor.visit_enum(Tagged { tag: &entries[0].key.value, node: &entries[0].node })
            }
            _ => Err(de::Error::custom(format!("expected one name with its value, found {}", self.0.kind()))),
        };
        self.placed(result)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, DecodeError> for NodeDeserializer<'de> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

/// A key, which is text for whoever asks for text, and has its place for whoever asks for a [`Text`].
struct KeyDeserializer<'de>(&'de Text);

impl<'de> Deserializer<'de> for KeyDeserializer<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_str(&self.0.value)
    }

    fn deserialize_newtype_struct<V: de::Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if name == NODE {
            hand_over(Node { value: Value::String(self.0.value.clone()), span: self.0.span.clone() });
            return visitor.visit_unit();
        }
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, DecodeError> for KeyDeserializer<'de> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

struct Tagged<'de> {
    tag: &'de str,
    node: &'de Node,
}

impl<'de> de::EnumAccess<'de> for Tagged<'de> {
    type Error = DecodeError;
    type Variant = NodeDeserializer<'de>;

    fn variant_seed<V: de::DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), DecodeError> {
        let tag: de::value::StrDeserializer<'de, DecodeError> = self.tag.into_deserializer();
        Ok((seed.deserialize(tag)?, NodeDeserializer(self.node)))
    }
}

impl<'de> de::VariantAccess<'de> for NodeDeserializer<'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        Ok(())
    }
    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        seed.deserialize(self)
    }
    fn tuple_variant<V: de::Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_any(visitor)
    }
    fn struct_variant<V: de::Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_any(visitor)
    }
}
