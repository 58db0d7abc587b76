//! A table for spreadsheets (RFC 4180), in which no text is ever run as a formula.
//!
//! Text is always quoted, and gets an apostrophe in front if it begins with a character that begins a formula
//! in spreadsheets (OWASP, "CSV Injection"), also if the text looks like a number: a brand may be called
//! `-1`. Figures are ours and hold only a sign, digits and a point: they stay as they are, so that they are
//! numbers there too. Quoting keeps a text with a `;` or a tab in one cell where those part cells.

/// What a formula may begin with; some spreadsheets treat the wide forms like the narrow ones.
const RISKY: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A table that is being written.
pub(crate) struct Table {
    written: String,
    row_begun: bool,
}

impl Table {
    pub(crate) fn new(names: &[&str]) -> Table {
        let mut table = Table { written: String::new(), row_begun: false };
        names.iter().for_each(|name| table.text(name));
        table.end_row();
        table
    }

    fn cell(&mut self) {
        if self.row_begun {
            self.written.push(',');
        }
        self.row_begun = true;
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.cell();
        self.written.push('"');
        if text.starts_with(RISKY) {
            self.written.push('\'');
        }
        self.written.push_str(&text.replace('"', "\"\""));
        self.written.push('"');
    }

    /// A figure, or nothing.
    pub(crate) fn figure(&mut self, figure: &str) {
        self.cell();
        self.written.push_str(figure);
    }

    pub(crate) fn end_row(&mut self) {
        self.written.push_str("\r\n");
        self.row_begun = false;
    }

    pub(crate) fn finish(self) -> String {
        self.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_formula_and_figures_stay_numbers() {
        let table = [
            ("Bean", r#""Bean""#),
            ("", r#""""#),
            ("=1+1", r#""'=1+1""#),
            ("+1", r#""'+1""#),
            ("-5", r#""'-5""#),
            ("@SUM(A1)", r#""'@SUM(A1)""#),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("＝1", "\"'＝1\""),
            ("a;=1", r#""a;=1""#),
            ("a,\"=1\"", r#""a,""=1""""#),
            ("a\r\nb", "\"a\r\nb\""),
        ];
        for (text, want) in table {
            let mut row = Table::new(&["t", "f"]);
            row.text(text);
            row.figure("-12.30");
            row.end_row();
            assert_eq!(row.finish(), format!("\"t\",\"f\"\r\n{want},-12.30\r\n"), "{text}");
        }
    }
}
