import type { IpAddress } from './addresses.js';
import { read16, write16 } from './bytes.js';
import { readDomainName } from './domain-name.js';

/** RFC 1035, 4.1.1. */
export const DNS_HEADER = 12;

export const RECORD = { a: 1, aaaa: 28, any: 255 } as const;
export const RESPONSE = { noError: 0, serverFailure: 2 } as const;

const CLASS_INTERNET = 1;
/** Flags of the header: a response, and what is copied from the query (opcode, recursion desired). */
const FLAG_RESPONSE = 0x8000;
const FLAG_AUTHORITATIVE = 0x0400;
const FLAG_RECURSION_AVAILABLE = 0x0080;
const COPIED_FLAGS = 0x7900;
/** A name that is the one of the question (RFC 1035, 4.1.4). */
const POINTER_TO_QUESTION = 0xc00c;

/** A query for the records of one name. */
export interface DnsQuestion {
  /** In lower case. */
  readonly name: string;
  readonly type: number;
  /** Where the question ends in the message. */
  readonly end: number;
}

/** The question of a query; `undefined` when it is none that could be answered here. */
export function readQuestion(message: Uint8Array): DnsQuestion | undefined {
  if (message.length < DNS_HEADER || read16(message, 4) !== 1) return undefined;
  const isQuery = (read16(message, 2) & 0xf800) === 0;
  const name = isQuery ? readDomainName(message, DNS_HEADER, message.length) : undefined;
  if (!name || name.end + 4 > message.length) return undefined;
  if (read16(message, name.end + 2) !== CLASS_INTERNET) return undefined;
  return { name: name.name, type: read16(message, name.end), end: name.end + 4 };
}

/** An answer with addresses, good for this moment: whoever edits the table of names expects the next query to see it. */
export function writeAddresses(
  query: Uint8Array,
  question: DnsQuestion,
  addresses: readonly IpAddress[],
): Uint8Array {
  const records = addresses.map(addressRecord);
  const answer = startAnswer(
    query,
    question.end,
    records.reduce((sum, { length }) => sum + length, 0),
  );
  write16(answer, 2, read16(answer, 2) | FLAG_AUTHORITATIVE);
  write16(answer, 6, records.length);
  let at = question.end;
  for (const record of records) {
    answer.set(record, at);
    at += record.length;
  }
  return answer;
}

/** An answer that says that there is none. */
export function writeFailure(query: Uint8Array, code: number): Uint8Array {
  const question = readQuestion(query);
  const answer = startAnswer(query, question?.end ?? DNS_HEADER, 0);
  write16(answer, 2, read16(answer, 2) | code);
  if (!question) write16(answer, 4, 0);
  return answer;
}

/** Header and question of a response, with room behind them. */
function startAnswer(query: Uint8Array, end: number, room: number): Uint8Array {
  const answer = new Uint8Array(end + room);
  answer.set(query.subarray(0, end));
  write16(answer, 2, (read16(query, 2) & COPIED_FLAGS) | FLAG_RESPONSE | FLAG_RECURSION_AVAILABLE);
  // No answers yet, nothing about authorities, nothing else.
  answer.fill(0, 6, DNS_HEADER);
  return answer;
}

function addressRecord(address: IpAddress): Uint8Array {
  const record = new Uint8Array(12 + address.length);
  write16(record, 0, POINTER_TO_QUESTION);
  write16(record, 2, address.length === 4 ? RECORD.a : RECORD.aaaa);
  write16(record, 4, CLASS_INTERNET);
  write16(record, 10, address.length);
  record.set(address, 12);
  return record;
}
