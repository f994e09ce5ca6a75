import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatEntry, parseEntry, type CorpusEntry } from './fuzz-case.js';

/** Cases that reach what others do not, and those that once failed: a file of lines a family. */
export class CorpusFolder {
  constructor(private readonly path: string) {}

  read(family: string): CorpusEntry[] {
    const file = this.file(family);
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(parseEntry);
  }

  write(family: string, entries: readonly CorpusEntry[]): void {
    mkdirSync(this.path, { recursive: true });
    writeFileSync(this.file(family), entries.map(entry => `${formatEntry(entry)}\n`).join(''));
  }

  private file(family: string): string {
    return join(this.path, `${family}.jsonl`);
  }
}
