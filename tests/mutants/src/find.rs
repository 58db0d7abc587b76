//! Where operators, arms and guards stand in a file, by the offset at which cargo-mutants says a mutant begins.

use std::{collections::HashMap, ops::Range};

use proc_macro2::Span;
use syn::{Arm, Expr, ExprBinary, ExprUnary, File, spanned::Spanned, visit::Visit};

use crate::{Place, edit::Lines};

/// A binary expression.
pub(crate) struct Binary {
    pub(crate) whole: Range<usize>,
    pub(crate) left: Range<usize>,
    pub(crate) right: Range<usize>,
}

/// An expression with an operator before it.
pub(crate) struct Unary {
    pub(crate) whole: Range<usize>,
    pub(crate) inner: Range<usize>,
}

/// An arm of a match: where its pattern ends, and its guard.
pub(crate) struct ArmParts {
    pub(crate) pattern_end: usize,
    pub(crate) guard: Option<Range<usize>>,
}

/// Everything of one file.
pub(crate) struct Found<'a> {
    lines: &'a Lines,
    pub(crate) binary: HashMap<usize, Binary>,
    pub(crate) unary: HashMap<usize, Unary>,
    pub(crate) arms: HashMap<usize, ArmParts>,
    pub(crate) guards: HashMap<usize, Range<usize>>,
}

impl<'a> Found<'a> {
    pub(crate) fn in_file(file: &File, lines: &'a Lines) -> Found<'a> {
        let mut found = Found {
            lines,
            binary: HashMap::new(),
            unary: HashMap::new(),
            arms: HashMap::new(),
            guards: HashMap::new(),
        };
        found.visit_file(file);
        found
    }

    fn range(&self, span: Span) -> Range<usize> {
        let at = |line, column| self.lines.offset(Place { line, column: column + 1 });
        let (start, end) = (span.start(), span.end());
        at(start.line, start.column)..at(end.line, end.column)
    }
}

impl<'ast> Visit<'ast> for Found<'_> {
    fn visit_expr_binary(&mut self, binary: &'ast ExprBinary) {
        let range = |expr: &Expr| self.range(expr.span());
        let (left, right) = (range(&binary.left), range(&binary.right));
        let whole = left.start..right.end;
        self.binary.insert(self.range(binary.op.span()).start, Binary { whole, left, right });
        syn::visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast ExprUnary) {
        let (operator, inner) = (self.range(unary.op.span()), self.range(unary.expr.span()));
        let whole = operator.start..inner.end;
        self.unary.insert(operator.start, Unary { whole, inner });
        syn::visit::visit_expr_unary(self, unary);
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        let pattern = self.range(arm.pat.span());
        let guard = arm.guard.as_ref().map(|(_, guard)| self.range(guard.span()));
        if let Some(guard) = &guard {
            self.guards.insert(guard.start, guard.clone());
        }
        self.arms.insert(pattern.start, ArmParts { pattern_end: pattern.end, guard });
        syn::visit::visit_arm(self, arm);
    }
}
