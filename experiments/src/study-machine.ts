import { loadavg } from 'node:os';
import { machine } from '@u2seg/pipeline/internal';

/** What a study was trained on, and how busy it was. */
export interface StudyMachine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  /** What computed. */
  readonly backend: string;
  /** Over the last 15 minutes. */
  readonly loadAverage15: number;
}

export function studyMachine(backend: string): StudyMachine {
  const { cpu, cores } = machine();
  return { cpu, cores, node: process.version, backend, loadAverage15: Number(loadavg()[2]!.toFixed(2)) };
}
