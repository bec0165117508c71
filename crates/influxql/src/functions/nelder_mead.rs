//! The Nelder–Mead simplex search with the coefficients and the update rules of InfluxDB 1.x, so that forecasts agree
//! with it to the last digits.
//!
//! The objective gets its point mutably: the forecast's objective moves a point back into its bounds, and the search
//! goes on from the moved point. That too is upstream's behaviour and its results depend on it.

const MAX_ITERATIONS: usize = 1000;
const REFLECTION: f64 = 1.0;
const CONTRACTION: f64 = 0.5;
const EXPANSION: f64 = 2.0;

/// Minimises `objective` from `start`; `scale` is the size of the first simplex, `epsilon` the spread of values at
/// which the search ends. Gives the least value and where it is.
pub(crate) fn minimise(
    mut objective: impl FnMut(&mut [f64]) -> f64,
    start: &[f64],
    epsilon: f64,
    scale: f64,
) -> (f64, Vec<f64>) {
    let n = start.len();
    let mut vertices = first_simplex(start, scale);
    let mut values: Vec<f64> = vertices.iter_mut().map(|vertex| objective(vertex)).collect();
    let mut centroid = vec![0.0; n];
    let mut reflected = vec![0.0; n];
    let mut tried = vec![0.0; n];

    for _ in 0..MAX_ITERATIONS {
        let Ranks { worst, second, best } = rank(&values);
        set_centroid(&mut centroid, &vertices, worst);

        step(&mut reflected, &centroid, &vertices[worst], |c, w| {
            c + REFLECTION * (c - w)
        });
        let at_reflected = objective(&mut reflected);

        if at_reflected < values[second] && at_reflected >= values[best] {
            vertices[worst].copy_from_slice(&reflected);
            values[worst] = at_reflected;
        }
        if at_reflected < values[best] {
            step(&mut tried, &centroid, &reflected, |c, r| c + EXPANSION * (r - c));
            let at_expanded = objective(&mut tried);
            if at_expanded < at_reflected {
                vertices[worst].copy_from_slice(&tried);
                values[worst] = at_expanded;
            } else {
                vertices[worst].copy_from_slice(&reflected);
                values[worst] = at_reflected;
            }
        }
        // The ranks are those from before the two steps above, the values those after them: as upstream.
        if at_reflected >= values[second] {
            if at_reflected < values[worst] {
                step(&mut tried, &centroid, &reflected, |c, r| {
                    c + CONTRACTION * (r - c)
                });
            } else {
                step(&mut tried, &centroid, &vertices[worst], |c, w| {
                    c - CONTRACTION * (c - w)
                });
            }
            let at_contracted = objective(&mut tried);
            if at_contracted < values[worst] {
                vertices[worst].copy_from_slice(&tried);
                values[worst] = at_contracted;
            } else {
                shrink(&mut vertices, best);
                values[worst] = objective(&mut vertices[worst]);
                values[second] = objective(&mut vertices[second]);
            }
        }
        if spread(&values) < epsilon {
            break;
        }
    }

    let best = rank(&values).best;
    let parameters = vertices[best].clone();
    (objective(&mut vertices[best]), parameters)
}

struct Ranks {
    worst: usize,
    second: usize,
    best: usize,
}

fn rank(values: &[f64]) -> Ranks {
    let (mut worst, mut best) = (0, 0);
    for (index, value) in values.iter().enumerate() {
        if *value > values[worst] {
            worst = index;
        }
        if *value < values[best] {
            best = index;
        }
    }
    let mut second = best;
    for (index, value) in values.iter().enumerate() {
        if *value > values[second] && *value < values[worst] {
            second = index;
        }
    }
    Ranks { worst, second, best }
}

fn first_simplex(start: &[f64], scale: f64) -> Vec<Vec<f64>> {
    let n = start.len() as f64;
    let root = (n + 1.0).sqrt();
    let near = scale * (root - 1.0) / (n * 2.0_f64.sqrt());
    let far = scale * (root - 1.0 + n) / (n * 2.0_f64.sqrt());
    let moved = |axis: usize| {
        start
            .iter()
            .enumerate()
            .map(|(j, x)| if j == axis { far + x } else { near + x })
            .collect::<Vec<f64>>()
    };
    std::iter::once(start.to_vec())
        .chain((0..start.len()).map(moved))
        .collect()
}

fn set_centroid(centroid: &mut [f64], vertices: &[Vec<f64>], except: usize) {
    let n = centroid.len() as f64;
    for (axis, mean) in centroid.iter_mut().enumerate() {
        let others = vertices.iter().enumerate().filter(|(index, _)| *index != except);
        *mean = others.fold(0.0, |sum, (_, vertex)| sum + vertex[axis]) / n;
    }
}

fn step(to: &mut [f64], centroid: &[f64], other: &[f64], rule: impl Fn(f64, f64) -> f64) {
    for ((to, c), o) in to.iter_mut().zip(centroid).zip(other) {
        *to = rule(*c, *o);
    }
}

/// Halves the way of every vertex to the best one.
fn shrink(vertices: &mut [Vec<f64>], best: usize) {
    let centre = vertices[best].clone();
    for (index, vertex) in vertices.iter_mut().enumerate() {
        if index != best {
            for (x, c) in vertex.iter_mut().zip(&centre) {
                *x = c + (*x - c) / 2.0;
            }
        }
    }
}

fn spread(values: &[f64]) -> f64 {
    let n = (values.len() - 1) as f64;
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values
        .iter()
        .fold(0.0, |sum, value| sum + (value - mean) * (value - mean) / n)
        .sqrt()
}

#[cfg(test)]
mod tests {
    use super::minimise;

    #[test]
    fn finds_the_floor_of_a_bent_valley() {
        // Rosenbrock's function: least at (1, 1), along a curved valley.
        let (least, at) = minimise(
            |x| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2),
            &[-1.2, 1.0],
            1.0e-8,
            1.0,
        );
        assert!(least < 1.0e-6, "{least}");
        assert!(
            (at[0] - 1.0).abs() < 1.0e-2 && (at[1] - 1.0).abs() < 1.0e-2,
            "{at:?}"
        );
    }

    #[test]
    fn ends_when_the_objective_is_never_a_number() {
        let (least, at) = minimise(|_| f64::NAN, &[1.0, 2.0, 3.0], 1.0e-4, 1.0);
        assert!(least.is_nan());
        assert_eq!(at.len(), 3);
    }
}
