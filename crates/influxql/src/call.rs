//! A function with its arguments, checked once when the script is bound.

use compact_str::CompactString;

use crate::aggregate::Aggregate;
use crate::error::{Error, WrongType};
use crate::function::{Function, Parameter, ParameterKind, function};
use crate::functions::holt_winters::{Forecast, MAX_INTERVALS, MAX_SEASON};
use crate::transform::Transform;
use crate::value::{Emitted, FieldType};

/// Largest n of `movingAverage`, `top` and `bottom`: what one group may keep in memory.
const MAX_POINTS: i64 = 1 << 24;

/// An argument as a script gives it.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// An integer literal.
    Int(i64),
    /// A float literal.
    Float(f64),
    /// A duration in nanoseconds.
    Duration(i64),
    /// Text.
    String(CompactString),
}

impl Argument {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Int(_) => "an int",
            Self::Float(_) => "a float",
            Self::Duration(_) => "a duration",
            Self::String(_) => "a string",
        }
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::String(CompactString::from(text))
    }
}

impl From<i64> for Argument {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<f64> for Argument {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

/// A function with checked arguments: what a node holds, and what makes the state of each group.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    function: &'static Function,
    field: CompactString,
    rest: Vec<CompactString>,
    pub(crate) options: Options,
}

/// The arguments besides the field.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Options {
    None,
    Percentile(f64),
    Points(usize),
    Unit(i64),
    Forecast(Forecast),
}

impl Call {
    /// Checks the arguments, given in the order of the script (`top(n, field, …)` has the number first).
    ///
    /// # Errors
    /// Unknown function, wrong number or type of arguments, or a value that cannot work: a window or n below 1, a unit
    /// of zero, an interval that is not positive.
    pub fn new(name: &str, arguments: &[Argument]) -> Result<Self, Error> {
        let function = function(name).ok_or_else(|| Error::UnknownFunction { name: name.into() })?;
        let expected = function.parameters.len();
        if arguments.len() < expected || (arguments.len() > expected && function.rest.is_none()) {
            return Err(Error::ArgumentCount {
                function: function.name,
                expected: function.signature(),
                got: arguments.len(),
            });
        }
        let (named, rest) = arguments.split_at(expected);
        let mut bound = Bound::default();
        for (position, (parameter, argument)) in function.parameters.iter().zip(named).enumerate() {
            bound.take(function, position, parameter, argument)?;
        }
        let rest = rest
            .iter()
            .enumerate()
            .map(|(index, argument)| match argument {
                Argument::String(name) => Ok(name.clone()),
                other => Err(Error::ArgumentType {
                    function: function.name,
                    position: expected + index + 1,
                    parameter: function.rest.unwrap_or_default(),
                    expected: "a string",
                    got: other.kind(),
                    hint: "",
                }),
            })
            .collect::<Result<_, _>>()?;
        let options = bound.options(function)?;
        Ok(Self {
            function,
            field: bound.field,
            rest,
            options,
        })
    }

    /// The row of the table.
    pub const fn function(&self) -> &'static Function {
        self.function
    }

    /// The field it reads.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The extra names of `top` and `bottom`. They change nothing here: all tags of a chosen point are kept, and its
    /// other fields are not (N-151).
    pub fn rest(&self) -> &[CompactString] {
        &self.rest
    }

    /// A fresh aggregate for fields of this type.
    ///
    /// # Errors
    /// The function does not take the type (N-138), or is a transform.
    pub fn aggregate(&self, input: FieldType) -> Result<Aggregate, Error> {
        self.check(input)?;
        Aggregate::new(self, input).ok_or(Error::Shape {
            function: self.function.name,
            wanted: "an aggregate",
        })
    }

    /// A fresh transform for fields of this type.
    ///
    /// # Errors
    /// The function does not take the type (N-138), or is not a transform.
    pub fn transform(&self, input: FieldType) -> Result<Transform, Error> {
        self.check(input)?;
        Transform::new(self, input).ok_or(Error::Shape {
            function: self.function.name,
            wanted: "a transform",
        })
    }

    /// What an empty batch gives, if anything (N-133).
    pub fn empty(&self) -> Option<Emitted> {
        self.function.empty()
    }

    /// The error for a point without the field, or with null in it (N-136, N-139).
    pub fn missing(&self) -> Error {
        Error::Missing {
            field: self.field.clone(),
        }
    }

    /// The error for a value of another type (N-137).
    pub fn wrong_type(&self, wrong: WrongType) -> Error {
        Error::WrongType {
            field: self.field.clone(),
            wrong,
        }
    }

    fn check(&self, input: FieldType) -> Result<(), Error> {
        if self.function.accepts(input) {
            return Ok(());
        }
        Err(Error::UnsupportedType {
            function: self.function.name,
            field: self.field.clone(),
            found: input,
        })
    }
}

/// Arguments sorted by type; the table gives no function two floats or two durations.
#[derive(Default)]
struct Bound {
    field: CompactString,
    ints: [i64; 2],
    int_count: usize,
    float: f64,
    duration: i64,
}

impl Bound {
    fn take(
        &mut self,
        function: &'static Function,
        position: usize,
        parameter: &'static Parameter,
        argument: &Argument,
    ) -> Result<(), Error> {
        let (expected, hint) = match (parameter.kind, argument) {
            (ParameterKind::Field, Argument::String(field)) => {
                self.field.clone_from(field);
                return Ok(());
            }
            (ParameterKind::Int, Argument::Int(int)) => {
                if let Some(slot) = self.ints.get_mut(self.int_count) {
                    *slot = *int;
                }
                self.int_count += 1;
                return Ok(());
            }
            (ParameterKind::Float, Argument::Float(float)) => {
                self.float = *float;
                return Ok(());
            }
            (ParameterKind::Duration, Argument::Duration(nanos)) => {
                self.duration = *nanos;
                return Ok(());
            }
            (ParameterKind::Field, _) => ("a string", ""),
            (ParameterKind::Int, Argument::Float(_)) => ("an int", "; leave out the decimal point"),
            (ParameterKind::Int, _) => ("an int", ""),
            (ParameterKind::Float, Argument::Int(_)) => ("a float", "; write a decimal point, as in 95.0"),
            (ParameterKind::Float, _) => ("a float", ""),
            (ParameterKind::Duration, _) => ("a duration", ""),
        };
        Err(Error::ArgumentType {
            function: function.name,
            position: position + 1,
            parameter: parameter.name,
            expected,
            got: argument.kind(),
            hint,
        })
    }

    fn options(&self, function: &'static Function) -> Result<Options, Error> {
        let check = |fine: bool, parameter, expected: String, got| {
            if fine {
                return Ok(());
            }
            Err(Error::ArgumentRange {
                function: function.name,
                parameter,
                expected,
                got,
            })
        };
        let points = |parameter, n: i64| {
            check(
                (1..=MAX_POINTS).contains(&n),
                parameter,
                format!("1 to {MAX_POINTS}"),
                n,
            )?;
            Ok(Options::Points(n as usize))
        };
        let at_most =
            |parameter, most: i64, got: i64| check(got <= most, parameter, format!("at most {most}"), got);
        let [first, second] = self.ints;
        Ok(match function.name {
            "percentile" => Options::Percentile(self.float),
            "top" | "bottom" => points("n", first)?,
            "movingAverage" => points("window", first)?,
            "elapsed" => {
                check(self.duration != 0, "unit", "other than zero".to_owned(), 0)?;
                Options::Unit(self.duration)
            }
            "holtWinters" | "holtWintersWithFit" => {
                at_most("h", MAX_INTERVALS as i64, first)?;
                at_most("m", MAX_SEASON, second)?;
                check(
                    self.duration > 0,
                    "interval",
                    "above zero".to_owned(),
                    self.duration,
                )?;
                Options::Forecast(Forecast {
                    horizon: first,
                    season: second,
                    interval: self.duration,
                    with_fit: function.name == "holtWintersWithFit",
                })
            }
            _ => Options::None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Argument, Call};
    use crate::{FUNCTIONS, function};

    fn error(name: &str, arguments: &[Argument]) -> String {
        Call::new(name, arguments).unwrap_err().to_string()
    }

    #[test]
    fn arguments_come_in_the_order_of_the_script() {
        let top = Call::new("top", &[5.into(), "usage".into(), "host".into(), "cpu".into()]).unwrap();
        assert_eq!((top.field(), top.rest().len()), ("usage", 2));
        let fit = Call::new(
            "holtWintersWithFit",
            &["v".into(), 3.into(), 0.into(), Argument::Duration(1_000_000_000)],
        )
        .unwrap();
        assert_eq!(fit.function().default_as, "holtWinters");
        assert_eq!(
            Call::new("percentile", &["v".into(), 95.0.into()])
                .unwrap()
                .field(),
            "v"
        );
    }

    #[test]
    fn errors_say_what_was_wanted() {
        assert_eq!(error("avg", &["v".into()]), r#"unknown influxql function "avg""#);
        assert_eq!(error("sum", &[]), "sum: expected sum(field), got 0 argument(s)");
        assert_eq!(
            error("sum", &["v".into(), "w".into()]),
            "sum: expected sum(field), got 2 argument(s)"
        );
        assert_eq!(
            error("top", &[5.into()]),
            "top: expected top(n, field, fieldsAndTags...), got 1 argument(s)"
        );
        assert_eq!(
            error("percentile", &["v".into(), 95.into()]),
            "percentile: argument 2 (percentile) must be a float, got an int; write a decimal point, as in 95.0"
        );
        assert_eq!(
            error("top", &[5.into(), "v".into(), 1.0.into()]),
            "top: argument 3 (fieldsAndTags) must be a string, got a float"
        );
    }

    #[test]
    fn values_that_crash_upstream_are_refused() {
        assert_eq!(
            error("movingAverage", &["v".into(), 0.into()]),
            "movingAverage: window must be 1 to 16777216, got 0"
        );
        assert!(error("top", &[(-1).into(), "v".into()]).contains("n must be 1 to"));
        assert!(error("elapsed", &["v".into(), Argument::Duration(0)]).contains("other than zero"));
        assert!(
            error(
                "holtWinters",
                &["v".into(), 3.into(), 0.into(), Argument::Duration(0)]
            )
            .contains("above zero")
        );
    }

    #[test]
    fn the_table_is_sound() {
        for (index, row) in FUNCTIONS.iter().enumerate() {
            assert!(
                FUNCTIONS[..index].iter().all(|other| other.name != row.name),
                "{}",
                row.name
            );
            assert!(row.doc.ends_with('.') && !row.default_as.is_empty());
            assert_eq!(function(row.name).unwrap().name, row.name);
        }
        assert!(function("Sum").is_none());
    }
}
