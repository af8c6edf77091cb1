import { describe, expect, it } from 'vitest';
import { formatTables } from '../src/commands/format-tables.ts';

const table = {
  title: 'A & B',
  protocol: 'Half of 100 %. Run: u2seg run a_b --photos <x|y>',
  columns: ['row', 'column', 'paper'],
  rows: [['C|D', 'AP_50 "box"', '1.0 ± 0.5']],
  note: 'x ~ y^2 \\ {z}',
};

describe('formatTables', () => {
  it('escapes what LaTeX would take for itself, dashes of options included', () => {
    expect(formatTables([table], 'latex')).toMatchInlineSnapshot(`
      "% wants \\usepackage[T1]{fontenc} and \\usepackage{longtable}
      \\begin{longtable}{llr}
      \\caption[A \\& B]{A \\& B. Half of 100 \\%. Run: u2seg run a\\_b -{}-photos $<$x\\textbar{}y$>$ x \\textasciitilde{} y\\textasciicircum{}2 \\textbackslash{} \\{z\\}} \\\\
      \\hline
      row & column & paper \\\\
      \\hline
      \\endhead
      C\\textbar{}D & AP\\_50 \\textquotedbl{}box\\textquotedbl{} & 1.0 $\\pm$ 0.5 \\\\
      \\hline
      \\end{longtable}
      "
    `);
  });

  it('escapes bars in Markdown', () => {
    expect(formatTables([table], 'markdown')).toMatchInlineSnapshot(`
      "### A & B

      Half of 100 %. Run: u2seg run a_b --photos \\<x|y>

      | row | column | paper |
      | --- | --- | --: |
      | C\\|D | AP_50 "box" | 1.0 ± 0.5 |

      x ~ y^2 \\ {z}
      "
    `);
  });

  it('writes a page of HTML, everything escaped', () => {
    const page = formatTables([table], 'html');
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">/u);
    expect(page).toContain('<h2>A &amp; B</h2>');
    expect(page).toContain('--photos &lt;x|y&gt;');
    expect(page).toContain('<td>C|D</td><td>AP_50 &quot;box&quot;</td><td>1.0 ± 0.5</td>');
  });

  it('prints text with the protocol above the table', () => {
    expect(formatTables([table], 'text')).toMatch(/A & B\nHalf of 100 %.*│ C\|D/su);
  });
});
