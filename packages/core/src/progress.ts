/** What a long-running stage tells its caller; libraries never print. */
export interface ProgressEvent {
  /** Name of the stage, for example `maskcut`. */
  readonly stage: string;
  /** Units finished so far. */
  readonly done: number;
  /** Units in all, or undefined where it is not known yet. */
  readonly total?: number;
  /** What one unit is: `photos`, `iterations`. */
  readonly unit: string;
  /** Values worth a glance, for example `{ loss: 1.2, lr: 0.01 }`. */
  readonly values?: Readonly<Record<string, number>>;
  /** A sentence for people. */
  readonly message?: string;
}

export type OnProgress = (event: ProgressEvent) => void;
