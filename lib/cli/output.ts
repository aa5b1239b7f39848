/** Where a command writes: answers to `out`, what went wrong to `err`; a call is a line or more. */
export interface CliOutput {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}
