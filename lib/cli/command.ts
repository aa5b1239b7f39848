/** One command of `npx nestjs-mail-relay`. */
export interface Command {
  readonly name: string;
  /** For the list of commands. */
  readonly says: string;
  /** Answers the exit code. */
  run(args: readonly string[], print: (line: string) => void): Promise<number>;
}
