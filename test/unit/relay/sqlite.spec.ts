import { describe, expect, it } from '@jest/globals';
import { loadSqlite, sqlFaultKind } from '../../../lib/relay/spool/sqlite.js';

const missing = (name: string) => {
  throw new Error(`Cannot find module '${name}'`);
};

describe('loadSqlite', () => {
  it('says the exact fix for the Node that runs where none is installed', () => {
    expect(() => loadSqlite({ load: missing, nodeVersion: '20.19.0' })).toThrow(
      /npm install libsql \(or better-sqlite3@12, or run Node 22.13 or newer\)/,
    );
    expect(() => loadSqlite({ load: missing, nodeVersion: '22.5.0' })).toThrow(/Node 22.13/);
  });

  it('never loads a better-sqlite3 that would crash Node 20', () => {
    const loaded: string[] = [];
    const load = (name: string) => {
      loaded.push(name);
      if (name === 'better-sqlite3/package.json') return { version: '13.0.1' };
      return missing(name);
    };
    const options = { load, nodeVersion: '20.20.2', driver: 'better-sqlite3' } as const;
    expect(() => loadSqlite(options)).toThrow(/npm install better-sqlite3@12/);
    expect(loaded).toEqual(['better-sqlite3/package.json']);
  });

  it('prefers what Node brings along', () => {
    class DatabaseSync {}
    const load = (name: string) => (name === 'node:sqlite' ? { DatabaseSync } : missing(name));
    expect(loadSqlite({ load, nodeVersion: '24.0.0' }).driver).toBe('node:sqlite');
  });

  it.each([
    { error: { code: 'ERR_SQLITE_ERROR', errcode: 13 }, kind: 'full' },
    { error: { code: 'SQLITE_FULL' }, kind: 'full' },
    { error: { code: 'SQLITE_IOERR_WRITE', rawCode: 778 }, kind: 'other' },
    { error: { code: 'SQLITE_BUSY_SNAPSHOT' }, kind: 'busy' },
    { error: { code: '', message: 'ConnectionFailed("Unable to open …: 14")' }, kind: 'open' },
    { error: { code: 'SQLITE_NOTADB' }, kind: 'corrupt' },
    { error: undefined, kind: 'other' },
  ])('knows $error as $kind', ({ error, kind }) => {
    expect(sqlFaultKind(error)).toBe(kind);
  });
});
