//! The table that a bench prints: what, ours, what it is held against, the ratio, the gate, met or missed.

/// One row, as it is printed.
struct Row([String; 6]);

/// Rows, printed when all of them are there.
pub struct Table {
    rows: Vec<Row>,
}

impl Table {
    pub fn new() -> Table {
        Table::headed(["what", "ours", "against", "ratio", "gate", ""])
    }

    /// One with other columns, whose rows are all of its own making.
    pub fn headed(heads: [&str; 6]) -> Table {
        Table { rows: vec![Row(heads.map(str::to_owned))] }
    }

    /// A row as it stands.
    pub fn row(&mut self, cells: [String; 6]) {
        self.rows.push(Row(cells));
    }

    /// A figure of ours against a peer's, which may be at most `gate` times that.
    pub fn ratio(&mut self, what: &str, unit: &str, ours: f64, peer: (&str, f64), gate: Option<f64>) {
        let ratio = ours / peer.1;
        self.rows.push(Row([
            what.to_owned(),
            figure(ours, unit),
            format!("{} {}", peer.0, figure(peer.1, unit)),
            format!("{ratio:.2}"),
            gate.map_or_else(String::new, |gate| gate.to_string()),
            gate.map_or("", |gate| verdict(ratio <= gate)).to_owned(),
        ]));
    }

    /// A figure of ours that may be at most `gate`.
    pub fn bound(&mut self, what: &str, unit: &str, ours: f64, gate: f64) {
        let met = verdict(ours <= gate).to_owned();
        let none = String::new();
        self.rows.push(Row([
            what.to_owned(),
            figure(ours, unit),
            none.clone(),
            none,
            figure(gate, unit),
            met,
        ]));
    }

    /// A figure without a gate, for comparison.
    pub fn beside(&mut self, what: &str, unit: &str, ours: f64) {
        let mut row = std::array::from_fn(|_| String::new());
        [row[0], row[1]] = [what.to_owned(), figure(ours, unit)];
        self.rows.push(Row(row));
    }

    /// Something that was not measured, and why.
    pub fn missing(&mut self, what: &str, why: &str) {
        let mut row = std::array::from_fn(|_| String::new());
        [row[0], row[1], row[5]] = [what.to_owned(), why.to_owned(), "not measured".to_owned()];
        self.rows.push(Row(row));
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let width = |column: usize| self.rows.iter().map(|Row(cells)| cells[column].chars().count()).max();
        let widths: [usize; 6] = std::array::from_fn(|column| width(column).unwrap_or(0));
        for Row(cells) in &self.rows {
            let line: Vec<String> =
                cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            println!("{}", line.join("  ").trim_end());
        }
        println!();
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// A number with its unit, as many digits as mean something.
pub fn figure(value: f64, unit: &str) -> String {
    match value {
        0.0 => format!("0 {unit}"),
        v if v.abs() < 10.0 => format!("{v:.2} {unit}"),
        v if v.abs() < 100.0 => format!("{v:.1} {unit}"),
        v => format!("{v:.0} {unit}"),
    }
}
