/**
 * A table as lines of text.
 * @param {readonly (readonly string[])[]} rows the first one is the heading
 * @param {readonly boolean[]} [alignRight] by column; by default all but the first
 */
export function formatColumns(rows, alignRight = rows[0].map((_, column) => column > 0)) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map(row => row[column].length)));
  return rows
    .map(row =>
      row
        .map((cell, i) => (alignRight[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
