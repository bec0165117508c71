//! A pipeline as a drawing: layers from top to bottom, nodes ordered so that few edges cross.

use std::fmt::Write as _;

use capstan_flow::{EdgeType, NodeId, Pipeline, TaskStats};
use capstan_gocompat::duration;

/// Width of a letter of the drawing's font, roughly.
const LETTER: f64 = 7.3;
const LINE_HEIGHT: f64 = 15.0;
const PADDING: f64 = 10.0;
const GAP_X: f64 = 28.0;
const GAP_Y: f64 = 44.0;
const MARGIN: f64 = 16.0;
/// How often layers are put in order, down and up.
const SWEEPS: usize = 12;
/// The longest line in a node.
const LONGEST: usize = 44;

/// A node of the drawing; one without a pipeline's node is where a long edge passes a layer.
struct Place {
    node: Option<NodeId>,
    layer: usize,
    lines: Vec<String>,
    width: f64,
    height: f64,
    x: f64,
    y: f64,
}

/// An edge of the drawing from layer to layer.
struct Edge {
    from: usize,
    to: usize,
}

/// An edge of the pipeline.
struct Link {
    count: Option<u64>,
    batch: bool,
    /// The places it passes, both ends included.
    path: Vec<usize>,
}

/// Draws a pipeline; with statistics the edges carry how many points, or batches, passed.
pub fn svg(pipeline: &Pipeline, title: &str, stats: Option<&TaskStats>) -> String {
    let mut drawing = Drawing::new(pipeline, stats);
    drawing.order();
    drawing.place();
    drawing.print(title)
}

struct Drawing {
    places: Vec<Place>,
    edges: Vec<Edge>,
    links: Vec<Link>,
    layers: Vec<Vec<usize>>,
}

impl Drawing {
    fn new(pipeline: &Pipeline, stats: Option<&TaskStats>) -> Self {
        let order = pipeline.order();
        // A batch task's source is not drawn (N-124).
        let hidden = |id: NodeId| pipeline.node(id).spec.kind == "batch";
        let mut layer = vec![0; pipeline.nodes().len()];
        for &id in &order {
            for &child in &pipeline.node(id).children {
                let below = layer[id.index()] + usize::from(!hidden(id));
                layer[child.index()] = layer[child.index()].max(below);
            }
        }
        let mut places = Vec::new();
        let mut place_of = vec![None; pipeline.nodes().len()];
        for &id in order.iter().filter(|id| !hidden(**id)) {
            let lines = lines(pipeline, id);
            let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
            place_of[id.index()] = Some(places.len());
            places.push(Place {
                node: Some(id),
                layer: layer[id.index()],
                width: longest as f64 * LETTER + 2.0 * PADDING,
                height: lines.len() as f64 * LINE_HEIGHT + 1.4 * PADDING,
                lines,
                x: 0.0,
                y: 0.0,
            });
        }
        let mut drawing = Self {
            places,
            edges: Vec::new(),
            links: Vec::new(),
            layers: Vec::new(),
        };
        for &id in &order {
            let config = pipeline.node(id);
            for (at, &child) in config.children.iter().enumerate() {
                let (Some(from), Some(to)) = (place_of[id.index()], place_of[child.index()]) else {
                    continue;
                };
                let count = stats
                    .and_then(|stats| stats.nodes.get(id.index()))
                    .and_then(|node| node.processed.get(at).copied());
                drawing.link(from, to, count, config.provides == EdgeType::Batch);
            }
        }
        let depth = drawing.places.iter().map(|place| place.layer + 1).max();
        drawing.layers = vec![Vec::new(); depth.unwrap_or(0)];
        for (at, place) in drawing.places.iter().enumerate() {
            drawing.layers[place.layer].push(at);
        }
        drawing
    }

    /// Adds an edge with a place in every layer it passes.
    fn link(&mut self, from: usize, to: usize, count: Option<u64>, batch: bool) {
        let mut path = vec![from];
        for layer in self.places[from].layer + 1..self.places[to].layer {
            path.push(self.places.len());
            self.places.push(Place {
                node: None,
                layer,
                lines: Vec::new(),
                width: 8.0,
                height: 0.0,
                x: 0.0,
                y: 0.0,
            });
        }
        path.push(to);
        let pieces = path.windows(2).map(|pair| Edge {
            from: pair[0],
            to: pair[1],
        });
        self.edges.extend(pieces);
        self.links.push(Link { count, batch, path });
    }

    /// The places a place has edges to, above or below.
    fn neighbours(&self, at: usize, above: bool) -> impl Iterator<Item = usize> + '_ {
        self.edges.iter().filter_map(move |edge| {
            let (own, other) = if above {
                (edge.to, edge.from)
            } else {
                (edge.from, edge.to)
            };
            (own == at).then_some(other)
        })
    }

    /// Puts each layer in the order of its neighbours' middles, down and up, as often as it helps.
    fn order(&mut self) {
        for sweep in 0..SWEEPS {
            let above = sweep % 2 == 0;
            let mut position = vec![0.0; self.places.len()];
            let mut layers: Vec<usize> = (0..self.layers.len()).collect();
            if !above {
                layers.reverse();
            }
            for layer in layers {
                for (at, &place) in self.layers[layer].iter().enumerate() {
                    position[place] = at as f64;
                }
                let middle = |place: usize| {
                    let all: Vec<f64> = self
                        .neighbours(place, above)
                        .map(|other| position[other])
                        .collect();
                    if all.is_empty() {
                        position[place]
                    } else {
                        all.iter().sum::<f64>() / all.len() as f64
                    }
                };
                let mut row: Vec<(f64, usize)> = self.layers[layer]
                    .iter()
                    .map(|&place| (middle(place), place))
                    .collect();
                row.sort_by(|a, b| a.0.total_cmp(&b.0));
                self.layers[layer] = row.into_iter().map(|(_, place)| place).collect();
                for (at, &place) in self.layers[layer].iter().enumerate() {
                    position[place] = at as f64;
                }
            }
        }
    }

    /// Gives every place its middle.
    fn place(&mut self) {
        let mut y = MARGIN;
        for layer in &self.layers {
            let height = layer.iter().map(|&at| self.places[at].height).fold(0.0, f64::max);
            for &at in layer {
                self.places[at].y = y + height / 2.0;
            }
            y += height + GAP_Y;
        }
        // First side by side, then towards the neighbours without pushing others over.
        for layer in &self.layers {
            let mut x = 0.0;
            for &at in layer {
                self.places[at].x = x + self.places[at].width / 2.0;
                x += self.places[at].width + GAP_X;
            }
        }
        for sweep in 0..SWEEPS {
            let above = sweep % 2 == 0;
            for layer in 0..self.layers.len() {
                let layer = if above {
                    layer
                } else {
                    self.layers.len() - 1 - layer
                };
                let row = self.layers[layer].clone();
                let wish = |at: usize| {
                    let all: Vec<f64> = self
                        .neighbours(at, above)
                        .map(|other| self.places[other].x)
                        .collect();
                    if all.is_empty() {
                        self.places[at].x
                    } else {
                        all.iter().sum::<f64>() / all.len() as f64
                    }
                };
                let wishes: Vec<f64> = row.iter().map(|&at| wish(at)).collect();
                self.settle(&row, &wishes);
            }
        }
        let left = self
            .places
            .iter()
            .map(|place| place.x - place.width / 2.0)
            .fold(f64::MAX, f64::min);
        for place in &mut self.places {
            place.x += MARGIN - left;
        }
    }

    /// Places a row as near to the wishes as its order allows: neighbours that would overlap share the mean of what
    /// they wish.
    fn settle(&mut self, row: &[usize], wishes: &[f64]) {
        // Clusters of places side by side: first place, how many, sum of wished left ends, width.
        let mut clusters: Vec<(usize, usize, f64, f64)> = Vec::new();
        for (n, &at) in row.iter().enumerate() {
            let width = self.places[at].width + GAP_X;
            clusters.push((n, 1, wishes[n] - width / 2.0, width));
            while let [.., before, last] = clusters.as_slice() {
                let left = |cluster: &(usize, usize, f64, f64)| cluster.2 / cluster.1 as f64;
                if left(before) + before.3 <= left(last) {
                    break;
                }
                // What the later ones wish for the left end of the whole.
                let joined = (
                    before.0,
                    before.1 + last.1,
                    before.2 + last.2 - last.1 as f64 * before.3,
                    before.3 + last.3,
                );
                clusters.truncate(clusters.len() - 2);
                clusters.push(joined);
            }
        }
        for (first, count, wished, _) in clusters {
            let mut x = wished / count as f64;
            for &at in &row[first..first + count] {
                let width = self.places[at].width + GAP_X;
                self.places[at].x = x + width / 2.0;
                x += width;
            }
        }
    }

    fn print(&self, title: &str) -> String {
        let right = |place: &Place| place.x + place.width / 2.0;
        let bottom = |place: &Place| place.y + place.height / 2.0;
        // Counts stand to the right of their edges.
        let spare = if self.links.iter().any(|link| link.count.is_some()) {
            60.0
        } else {
            0.0
        };
        let width = self.places.iter().map(right).fold(0.0, f64::max) + MARGIN + spare;
        let height = self.places.iter().map(bottom).fold(0.0, f64::max) + MARGIN;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"ui-monospace, Menlo, Consolas, monospace\" \
             font-size=\"12\">\n<title>{}</title>\n\
             <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
             orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#57606a\"/></marker></defs>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
            escaped(title)
        );
        // Writing to a String cannot fail, here and below.
        for link in &self.links {
            let mut path = String::new();
            for (n, pair) in link.path.windows(2).enumerate() {
                let (from, to) = (&self.places[pair[0]], &self.places[pair[1]]);
                let (x0, y0, x1, y1) = (from.x, bottom(from), to.x, to.y - to.height / 2.0);
                let middle = f64::midpoint(y0, y1);
                if n == 0 {
                    let _ = write!(path, "M{x0:.1} {y0:.1}");
                }
                let _ = write!(path, "C{x0:.1} {middle:.1} {x1:.1} {middle:.1} {x1:.1} {y1:.1}");
            }
            let dash = if link.batch {
                " stroke-dasharray=\"5 3\""
            } else {
                ""
            };
            let _ = writeln!(
                out,
                "<path d=\"{path}\" fill=\"none\" stroke=\"#57606a\" stroke-width=\"1.3\"{dash} marker-end=\"url(#tip)\"/>"
            );
            if let (Some(count), Some(&last)) = (link.count, link.path.last()) {
                let before = link.path[link.path.len() - 2];
                let (from, to) = (&self.places[before], &self.places[last]);
                let x = f64::midpoint(from.x, to.x) + 5.0;
                let y = f64::midpoint(bottom(from), to.y - to.height / 2.0) + 4.0;
                let _ = writeln!(
                    out,
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"#0550ae\" stroke=\"#ffffff\" stroke-width=\"3\" \
                     paint-order=\"stroke\">{count}</text>"
                );
            }
        }
        for place in self.places.iter().filter(|place| place.node.is_some()) {
            let (x, y) = (place.x - place.width / 2.0, place.y - place.height / 2.0);
            let _ = writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"6\" fill=\"#f6f8fa\" stroke=\"#8c959f\"/>",
                place.width, place.height
            );
            for (n, line) in place.lines.iter().enumerate() {
                let y = y + 0.7 * PADDING + (n as f64 + 0.75) * LINE_HEIGHT;
                let style = if n == 0 {
                    "font-weight=\"bold\""
                } else {
                    "fill=\"#57606a\""
                };
                let _ = writeln!(
                    out,
                    "<text x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"middle\" {style}>{}</text>",
                    place.x,
                    escaped(line)
                );
            }
        }
        out.push_str("</svg>\n");
        out
    }
}

/// A node's name, and what says most about it.
fn lines(pipeline: &Pipeline, id: NodeId) -> Vec<String> {
    let config = pipeline.node(id);
    let mut lines = vec![config.name()];
    let arguments: Vec<String> = config.arguments.iter().map(ToString::to_string).collect();
    if !arguments.is_empty() {
        lines.push(cut(&arguments.join(", ")));
    }
    let shown = [
        "database",
        "measurement",
        "where",
        "groupBy",
        "as",
        "period",
        "every",
        "replicas",
        "info",
        "warn",
        "crit",
        "topic",
    ];
    for (name, arguments) in &config.properties {
        if !shown.contains(name) {
            continue;
        }
        let words: Vec<String> = arguments
            .iter()
            .map(|argument| match argument {
                capstan_flow::Value::Duration(nanos) => duration::format_influx(*nanos),
                other => other.to_string(),
            })
            .collect();
        lines.push(cut(&format!(".{name}({})", words.join(", "))));
    }
    lines
}

fn cut(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST {
        return line;
    }
    let kept: String = line.chars().take(LONGEST - 1).collect();
    format!("{kept}…")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use capstan_flow::{Mode, TaskKind, Vars, define};

    use super::*;

    fn drawing(script: &str) -> Drawing {
        let definition = define(script, TaskKind::Auto, &Vars::new(), Mode::Task).unwrap();
        let mut drawing = Drawing::new(&definition.pipeline, None);
        drawing.order();
        drawing.place();
        drawing
    }

    const SCRIPT: &str = "var a = stream|from().measurement('a') var b = stream|from().measurement('b')
        var deep = b|eval(lambda: \"v\" + 1.0).as('w')|eval(lambda: \"w\" < 1.0).as('x')
        a|join(deep).as('a', 'b')|httpOut('both') a|log()";

    #[test]
    fn nodes_do_not_overlap_and_edges_point_down() {
        let drawing = drawing(SCRIPT);
        for layer in &drawing.layers {
            for pair in layer.windows(2) {
                let (left, right) = (&drawing.places[pair[0]], &drawing.places[pair[1]]);
                assert!(left.x + left.width / 2.0 <= right.x - right.width / 2.0 + 1e-6);
            }
        }
        for edge in &drawing.edges {
            let (from, to) = (&drawing.places[edge.from], &drawing.places[edge.to]);
            assert_eq!(from.layer + 1, to.layer);
            assert!(from.y < to.y);
        }
        assert!(
            drawing
                .places
                .iter()
                .all(|place| place.x - place.width / 2.0 >= MARGIN - 1e-6)
        );
    }

    #[test]
    fn the_drawing_names_every_node_once_and_escapes_texts() {
        let definition = define(SCRIPT, TaskKind::Auto, &Vars::new(), Mode::Task).unwrap();
        let text = svg(&definition.pipeline, "a & b", None);
        for config in definition.pipeline.nodes() {
            let named = format!(">{}</text>", config.name());
            assert_eq!(text.matches(&named).count(), 1, "{named} in {text}");
        }
        assert!(
            text.contains("<title>a &amp; b</title>") && text.contains("&lt;"),
            "{text}"
        );
        assert_eq!(text.matches("marker-end").count(), 8);
    }
}
