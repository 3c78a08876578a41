import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { events, type Event } from '../../controller/api/core.ts';
import { createClient } from '../../controller/kube/client.ts';
import { EventRecorder, type RecordedEvent } from '../../controller/kube/events.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import { metrics } from '../../controller/telemetry/metrics.ts';
import { startApi, type Api } from './api-fixture.ts';

const dropped = async () => (await metrics.eventsDropped.get()).values[0]?.value ?? 0;

describe('event recorder', () => {
  let api: Api;
  before(async () => {
    api = await startApi();
  });
  after(() => api.stop());

  async function scene(o: { queueLimit?: number } = {}) {
    const namespace = await api.namespace();
    const client = createClient(api.transport());
    const recorder = new EventRecorder({
      client,
      controller: 'test-controller',
      instance: 'test-1',
      log: createLog('silent'),
      ...o,
    });
    const regarding = { apiVersion: 'v1', kind: 'ConfigMap', name: 'thing', namespace, uid: 'u-1' };
    const record = (fields: Partial<RecordedEvent> = {}) =>
      recorder.record({ regarding, type: 'Normal', reason: 'Built', action: 'Build', note: 'all is well', ...fields });
    const listed = async (): Promise<Event[]> => {
      await recorder.flush();
      return (await api.admin.list(events, { namespace })).items;
    };
    return { namespace, recorder, regarding, record, listed };
  }
  it('writes what was recorded', async () => {
    const { record, listed, regarding } = await scene();
    record({ type: 'Warning' });
    const [event, ...more] = await listed();
    assert.deepEqual(more, []);
    assert.deepEqual(
      [
        event?.type,
        event?.reason,
        event?.action,
        event?.note,
        event?.regarding,
        event?.reportingController,
        event?.reportingInstance,
      ],
      ['Warning', 'Built', 'Build', 'all is well', regarding, 'test-controller', 'test-1'],
    );
    assert.match(event?.eventTime ?? '', /\.\d{6}Z$/);
  });

  it('counts repetitions in one series, and writes anew what differs or is gone', async () => {
    const { record, listed, namespace } = await scene();
    for (let i = 0; i < 5; i++) record();
    record({ note: 'another' });
    const first = await listed();
    assert.deepEqual(
      new Map(first.map(e => [e.note, e.series?.count])),
      new Map([
        ['all is well', 5],
        ['another', undefined],
      ]),
    );
    for (const event of first) await api.admin.delete(events, event.metadata.name, { namespace });
    record();
    assert.deepEqual(
      (await listed()).map(e => [e.note, e.series?.count]),
      [['all is well', undefined]],
    );
  });

  it('puts the events of cluster-wide objects into default, and keeps to the limits of the API', async () => {
    const { recorder } = await scene();
    const regarding = { apiVersion: 'scantling.dev/v1alpha1', kind: 'SystemPool', name: 'p'.repeat(253) };
    const long = 'é'.repeat(2000);
    recorder.record({ regarding, type: 'Normal', reason: 'R'.repeat(300), action: 'A'.repeat(300), note: long });
    await recorder.flush();
    const { items } = await api.admin.list(events, {
      namespace: 'default',
      fieldSelector: 'reportingController=test-controller',
    });
    assert.equal(items.length, 1);
    const note = items[0]?.note ?? '';
    assert.ok(Buffer.byteLength(note) <= 1024 && note.endsWith('é…'));
  });

  it('never throws and never waits: what cannot be written is dropped and counted', async () => {
    const { record, listed, namespace } = await scene();
    const before = await dropped();
    const refused = api.proxy.fail({ resource: 'events', namespace }, { status: 403 });
    record();
    record({ note: 'b' });
    assert.deepEqual(await listed(), []);
    assert.equal(await dropped(), before + 2);
    refused.remove();
    record();
    assert.equal((await listed()).length, 1);
  });

  it('drops the oldest when too many wait', async () => {
    const { record, listed } = await scene({ queueLimit: 3 });
    const before = await dropped();
    for (let i = 0; i < 10; i++) record({ note: `n${i}` });
    const notes = (await listed()).map(e => e.note).toSorted();
    // The first is taken at once; of the others the newest three stay.
    assert.deepEqual(notes, ['n0', 'n7', 'n8', 'n9']);
    assert.equal(await dropped(), before + 6);
  });
});
