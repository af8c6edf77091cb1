import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ioError } from '@u2seg/core';
import protobuf from 'protobufjs/light.js';
import { encodeTfRecord } from './tf-record.ts';

/** The part of TensorFlow's `event.proto` and `summary.proto` that scalars need, with its field numbers. */
const root = protobuf.Root.fromJSON({
  nested: {
    SessionLog: { fields: { status: { type: 'int32', id: 1 } } },
    Value: { fields: { tag: { type: 'string', id: 1 }, simpleValue: { type: 'float', id: 2 } } },
    Summary: { fields: { value: { rule: 'repeated', type: 'Value', id: 1 } } },
    Event: {
      fields: {
        wallTime: { type: 'double', id: 1 },
        step: { type: 'int64', id: 2 },
        fileVersion: { type: 'string', id: 3 },
        summary: { type: 'Summary', id: 5 },
        sessionLog: { type: 'SessionLog', id: 7 },
      },
    },
  },
});
const eventType = root.lookupType('Event');
const sessionStart = 1;

/** Scalars of a training run, for TensorBoard. */
export interface EventWriter {
  readonly path: string;
  /** One event with a value a tag, for example `{ 'losses/total': 2.1, lr: 0.01 }`. */
  scalars(step: number, values: Readonly<Record<string, number>>): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens an event file of its own in `folder`; TensorBoard reads all of them as one run.
 *
 * @param step - first step that will be written: TensorBoard forgets later steps of earlier, killed runs
 * @param now - wall clock in milliseconds
 */
export async function openEventWriter(
  folder: string,
  step: number,
  now: () => number = Date.now,
): Promise<EventWriter> {
  const { handle, path } = await createFile(folder, now());
  const write = async (event: Record<string, unknown>): Promise<void> => {
    const message = eventType.create({ wallTime: now() / 1000, ...event });
    await handle.writeFile(encodeTfRecord(eventType.encode(message).finish())).catch((cause: unknown) => {
      throw ioError(`${path}: could not be written`, cause);
    });
  };
  try {
    await write({ fileVersion: 'brain.Event:2' });
    await write({ step, sessionLog: { status: sessionStart } });
  } catch (cause) {
    await handle.close();
    throw cause;
  }
  return {
    path,
    scalars: async (at, values) =>
      write({
        step: at,
        summary: { value: Object.entries(values).map(([tag, simpleValue]) => ({ tag, simpleValue })) },
      }),
    close: async () => handle.close(),
  };
}

/** A new file; TensorBoard sorts the names, so the time comes first and a counter tells files of one second apart. */
async function createFile(folder: string, milliseconds: number): Promise<{ handle: FileHandle; path: string }> {
  const seconds = String(Math.floor(milliseconds / 1000)).padStart(10, '0');
  for (let attempt = 0; ; attempt += 1) {
    const path = join(folder, `events.out.tfevents.${seconds}.u2seg.${process.pid}.${attempt}`);
    try {
      return { handle: await open(path, 'wx'), path };
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    }
  }
}
