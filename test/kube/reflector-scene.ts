/** One reflector on a namespace of its own, and what it must have come to after a fault. */
import assert from 'node:assert/strict';
import { Reflector, type ReflectorOptions } from '../../controller/kube/reflector.ts';
import { Store, type StoredObject } from '../../controller/kube/store.ts';
import { createLog } from '../../controller/telemetry/log.ts';
import type { CallMatcher } from '../cluster/api-call.ts';
import { configMap, configMaps, type Api, type ConfigMap } from './api-fixture.ts';
import { until } from './until.ts';

export interface View extends StoredObject {
  value: string;
}

export const project = ({ metadata, data }: ConfigMap): View => ({
  name: metadata.name,
  uid: metadata.uid ?? '',
  resourceVersion: metadata.resourceVersion ?? '',
  value: data?.['value'] ?? '',
});

export class Scene {
  readonly api: Api;
  readonly namespace: string;
  readonly store = new Store<View>({ value: v => [v.value] });
  readonly reflector: Reflector<ConfigMap, View>;
  readonly changes: string[] = [];

  constructor(api: Api, namespace: string, options: Partial<ReflectorOptions<ConfigMap, View>> = {}) {
    this.api = api;
    this.namespace = namespace;
    this.store.onChange(key => this.changes.push(key));
    const transport = api.transport();
    const log = createLog('silent');
    const defaults = { transport, resource: configMaps, project, store: this.store, namespace, log, random: () => 0 };
    this.reflector = new Reflector({ ...defaults, ...options });
  }

  static async start(api: Api, options: Partial<ReflectorOptions<ConfigMap, View>> = {}): Promise<Scene> {
    const scene = new Scene(api, await api.namespace(), options);
    await scene.put('first', '1');
    await scene.put('second', '1');
    scene.reflector.start();
    await scene.reflector.synced();
    await scene.watching();
    return scene;
  }

  watches(): CallMatcher {
    return { verb: 'watch', resource: 'configmaps', namespace: this.namespace };
  }

  lists(): { verb: string; resource: string; namespace: string } {
    return { verb: 'list', resource: 'configmaps', namespace: this.namespace };
  }

  async put(name: string, value: string): Promise<void> {
    await this.api.admin.apply(configMaps, configMap(this.namespace, name, { value }), { fieldManager: 'test' });
  }

  /** An addition, a change and a removal, which the store then has to show. */
  async change(): Promise<void> {
    await this.put('first', '2');
    await this.put('third', '1');
    await this.api.admin.delete(configMaps, 'second', { namespace: this.namespace });
  }

  openWatches(): number {
    return this.api.proxy.openWatches.filter(call => call.namespace === this.namespace).length;
  }

  watching(): Promise<void> {
    return until('one open watch', () => this.openWatches() === 1);
  }

  content(): string {
    return this.store
      .list()
      .map(v => `${v.name}=${v.value}`)
      .toSorted()
      .join(' ');
  }

  /** The store is right by itself, one watch is open, and after the end none; the store is right then too, also by index. */
  async recovers(expected = 'first=2 third=1'): Promise<void> {
    await until(`the store to hold ${expected}`, () => this.content() === expected);
    await this.watching();
    await this.put('last', '9');
    await until('a change after the recovery', () => this.content() === [...expected.split(' '), 'last=9'].toSorted().join(' '));
    await this.stop();
    const listed = await this.api.admin.list(configMaps, { namespace: this.namespace });
    assert.deepEqual(
      this.store.list().toSorted((a, b) => (a.name < b.name ? -1 : 1)),
      listed.items.map(project),
    );
    assert.deepEqual(
      this.store.byIndex('value', '9').map(v => v.name),
      ['last'],
    );
  }

  async stop(): Promise<void> {
    await this.reflector.stop();
    await until('no watch left', () => this.openWatches() === 0);
  }
}
