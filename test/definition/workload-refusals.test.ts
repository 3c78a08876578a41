/** Every refusal of a workload names the field and says what to do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StallingError } from '../../controller/api/errors.ts';
import type { SystemDefinitionSpec, SystemDefinitionSpecWorkload } from '../../controller/api/system-definition.ts';
import { render } from '../../controller/definition/render.ts';
import { workloadImages } from '../../controller/definition/workloads.ts';
import { inputsOf, specOf } from './definition-fixture.ts';
import { digestsOf, workloadOf } from './quadlet-fixture.ts';

interface Case {
  workloads: SystemDefinitionSpecWorkload[];
  spec?: Partial<SystemDefinitionSpec>;
  digests?: Map<string, string>;
  message: string;
}

const at = 'spec.workloads[0].containers[0]';
const health = {
  command: ['/bin/true', 'x'],
  interval: '30s',
  timeout: '30s',
  startPeriod: '0s',
  retries: 3,
  onFailure: 'None' as const,
};
const port = { hostPort: 80, containerPort: 8080, protocol: 'TCP' as const };
const one = (...parts: Parameters<typeof workloadOf>) => [workloadOf(...parts)];

const cases: Record<string, Case> = {
  'two containers of one name': {
    workloads: one([{ name: 'web' }, { name: 'web' }]),
    message:
      'spec.workloads[0].containers[1].name: becomes the service office-web.service, as spec.workloads[0].containers[0].name does; ' +
      'give one of them another name; ' +
      'spec.workloads[0].containers[1]: "/usr/share/containers/systemd/office-web.container" is also written by ' +
      'spec.workloads[0].containers[0]; keep one of them',
  },
  'containers of two workloads that become one service': {
    workloads: [workloadOf([{ name: 'b-c' }], { name: 'a' }), workloadOf([{ name: 'c' }], { name: 'a-b' })],
    message:
      'spec.workloads[1].containers[0].name: becomes the service a-b-c.service, as spec.workloads[0].containers[0].name does; ' +
      'give one of them another name; ' +
      'spec.workloads[1].containers[0]: "/usr/share/containers/systemd/a-b-c.container" is also written by ' +
      'spec.workloads[0].containers[0]; keep one of them',
  },
  "a container that becomes its pod's service": {
    workloads: one([{ name: 'pod' }]),
    message: `${at}.name: becomes the service office-pod.service, as spec.workloads[0] does; give one of them another name`,
  },
  "a container that is called as podman calls the pod's own": {
    workloads: one([{ name: 'infra' }]),
    message: `${at}.name: becomes the pod or container office-infra, as spec.workloads[0] does; give one of them another name`,
  },
  'a container that is called as another pod': {
    workloads: [workloadOf([{ name: 'web' }]), workloadOf([{ name: 'x' }], { name: 'office-web' })],
    message: `spec.workloads[1]: becomes the pod or container office-web, as ${at}.name does; give one of them another name`,
  },
  "a container that becomes a volume's service": {
    workloads: one([{ name: 'data-volume' }], { volumes: [{ name: 'data' }] }),
    message: `${at}.name: becomes the service office-data-volume.service, as spec.workloads[0].volumes[0].name does; give one of them another name`,
  },
  "a workload with a name of systemd's": {
    workloads: one([{ name: 'journald' }], { name: 'systemd' }),
    message: "spec.workloads[0].name: systemd would make services with names of systemd's own",
  },
  'a unit in place of a generated one': {
    workloads: one([{}]),
    spec: { units: [{ name: 'office-web.service', mask: false, contents: '[Service]\nExecStart=/bin/true\n' }] },
    message: `spec.units[0].name: office-web.service is made of ${at}.name and starts with it; only dropIns can be given for it`,
  },
  'a generated unit that is masked': {
    workloads: one([{}]),
    spec: { units: [{ name: 'office-pod.service', mask: true }] },
    message:
      'spec.units[0].name: office-pod.service is made of spec.workloads[0] and starts with it; only dropIns can be given for it',
  },
  'a file in place of a Quadlet file': {
    workloads: one([{}]),
    spec: { files: [{ path: '/etc/containers/systemd/office-web.container', mode: '0644', content: '' }] },
    message:
      `${at}.name: becomes the service office-web.service, for which a file or tree writes ` +
      '/etc/containers/systemd/office-web.container; keep one of them',
  },
  'a file over a Quadlet file': {
    workloads: one([{}]),
    spec: { files: [{ path: '/usr/share/containers/systemd/office.pod', mode: '0644', content: '' }] },
    message:
      'spec.workloads[0]: "/usr/share/containers/systemd/office.pod" is also written by spec.files[0].path; keep one of them',
  },
  'one port of the node for two workloads': {
    workloads: [workloadOf([{ ports: [port] }], { name: 'a' }), workloadOf([{ ports: [port] }], { name: 'b' })],
    message: `spec.workloads[1].containers[0].ports[0].hostPort: 80/TCP is also mapped by ${at}.ports[0]; keep one of them`,
  },
  'an address of a port that is mapped on all': {
    workloads: one([{ ports: [port, { ...port, containerPort: 81, hostIP: '127.0.0.1' }] }]),
    message: `${at}.ports[1].hostPort: 80/TCP is also mapped by ${at}.ports[0]; keep one of them`,
  },
  'one address written in two ways': {
    workloads: one([
      {
        ports: [
          { ...port, hostIP: '2001:db8::1' },
          { ...port, containerPort: 81, hostIP: '2001:DB8:0::0:1' },
        ],
      },
    ]),
    message: `${at}.ports[1].hostPort: 80/TCP is also mapped by ${at}.ports[0]; keep one of them`,
  },
  'what is no address': {
    workloads: one([{ ports: [{ ...port, hostIP: '1.2.3' }] }]),
    message: `${at}.ports[0].hostIP: 1.2.3 is not an IP address`,
  },
  'one port of the pod for two containers': {
    workloads: one([
      { name: 'web', ports: [port] },
      { name: 'api', ports: [{ ...port, hostPort: 81 }] },
    ]),
    message:
      'spec.workloads[0].containers[1].ports[0].containerPort: 8080/TCP is also spec.workloads[0].containers[0].ports[0].containerPort; ' +
      'the containers of a pod share one network, so only one of them can listen there',
  },
  "ports with the node's network": {
    workloads: one([{ ports: [port] }], { network: 'Host' }),
    message: `${at}.ports[0]: network: Host has no ports to map; the container listens on the node itself`,
  },
  'a mount of no volume': {
    workloads: one([{ volumeMounts: [{ name: 'date', mountPath: '/data', readOnly: false }] }], {
      volumes: [{ name: 'data' }, { name: 'log' }],
    }),
    message: `${at}.volumeMounts[0].name: date is no volume of the workload office; it has data, log`,
  },
  'two mounts at one place': {
    workloads: one(
      [
        {
          volumeMounts: [{ name: 'data', mountPath: '/data', readOnly: false }],
          secretRefs: [{ hostPath: '/etc/office/key', mountPath: '/data' }],
        },
      ],
      { volumes: [{ name: 'data' }] },
    ),
    message: `${at}.secretRefs[0].mountPath: /data is also ${at}.volumeMounts[0].mountPath; keep one of them`,
  },
  'a mount over everything': {
    workloads: one([{ volumeMounts: [{ name: 'data', mountPath: '/', readOnly: false }] }], { volumes: [{ name: 'data' }] }),
    message: `${at}.volumeMounts[0].mountPath: "/" has an empty segment, "." or ".."; write the path in full`,
  },
  'a path that would be a variable': {
    workloads: one([{}], { volumes: [{ name: 'data', hostPath: '/var/lib/$x' }] }),
    message: 'spec.workloads[0].volumes[0].hostPath: "/var/lib/$x" holds a character that a mount cannot carry',
  },
  'a volume twice': {
    workloads: one([{}], {
      volumes: [
        { name: 'data', hostPath: '/srv/a' },
        { name: 'data', hostPath: '/srv/b' },
      ],
    }),
    message: 'spec.workloads[0].volumes[1].name: data is also spec.workloads[0].volumes[0].name; keep one of them',
  },
  'a secret that is in the image': {
    workloads: one([{ secretRefs: [{ hostPath: '/etc/office/key', mountPath: '/key' }] }]),
    spec: { files: [{ path: '/etc/office/key', mode: '0600', content: 'x' }] },
    message: `${at}.secretRefs[0].hostPath: /etc/office/key is written by a file or tree, so the secret would be in the image; put it on the node itself`,
  },
  'a secret where only images write': {
    workloads: one([{ secretRefs: [{ hostPath: '/usr/share/key', env: true }] }]),
    message: `${at}.secretRefs[0].hostPath: /usr/share/key is not below /etc, /run or /var, where a node keeps what is its own`,
  },
  'a dependency on nothing': {
    workloads: one([{ name: 'web', dependsOn: ['db'] }, { name: 'api' }]),
    message: `${at}.dependsOn[0]: db is no container of the workload office; it has api`,
  },
  'a dependency on itself': {
    workloads: one([{ dependsOn: ['web'] }]),
    message: `${at}.dependsOn: waits for itself: web → web`,
  },
  'a cycle of dependencies': {
    workloads: one([
      { name: 'web', dependsOn: ['api'] },
      { name: 'api', dependsOn: ['db'] },
      { name: 'db', dependsOn: ['api'] },
    ]),
    message: 'spec.workloads[0].containers[1].dependsOn: waits for itself: api → db → api',
  },
  'a variable twice': {
    workloads: one([
      {
        env: [
          { name: 'A', value: '' },
          { name: 'A', value: '' },
        ],
      },
    ]),
    message: `${at}.env[1].name: A is also ${at}.env[0].name; keep one of them`,
  },
  'a value with NUL': {
    workloads: one([{ env: [{ name: 'A', value: 'a\0' }] }]),
    message: `${at}.env[0].value: holds the control character U+0000, which a command line cannot carry`,
  },
  'half a surrogate pair': {
    workloads: one([{ args: ['\ud800'] }]),
    message: `${at}.args[0]: is not Unicode`,
  },
  'no program': {
    workloads: one([{ command: ['', 'x'] }]),
    message: `${at}.command[0]: names no program`,
  },
  'values that make too long a line': {
    workloads: one([{ env: Array.from({ length: 7 }, (_, i) => ({ name: `A${i}`, value: 'x'.repeat(32_768) })) }]),
    message: `${at}: command, args, env and healthCheck.command hold 229376 bytes, more than 204800; put them into a file`,
  },
  'a command that is too long a word': {
    workloads: one([{ command: ['sh', ...Array.from({ length: 16 }, () => 'x'.repeat(8_192))] }]),
    message: `${at}.command: makes a word of 131126 bytes, more than 122880; put it into a file`,
  },
  'a variable that is too long a word': {
    workloads: one([{ env: [{ name: 'A', value: '🐘'.repeat(32_768) }] }]),
    message: `${at}.env[0].value: makes a word of 131074 bytes, more than 122880; put it into a file`,
  },
  "a health check in podman's words": {
    workloads: one([{ healthCheck: { ...health, command: ['CMD-SHELL', 'true'] } }]),
    message: `${at}.healthCheck.command[0]: CMD-SHELL is a word of podman's; write the shell, as [sh, -c, ...]`,
  },
  'a health check that is a line of shell': {
    workloads: one([{ healthCheck: { ...health, command: ['curl -f http://localhost'] } }]),
    message: `${at}.healthCheck.command[0]: is a lone word with a space, quote or backslash; write program and arguments apart, or [sh, -c, ...]`,
  },
  'a health check that has no time': {
    workloads: one([{ healthCheck: { ...health, timeout: '500ms' } }]),
    message: `${at}.healthCheck.timeout: 500ms is not between 1s and 24h`,
  },
  'a stop that is started again': {
    workloads: one([{ healthCheck: { ...health, onFailure: 'Stop' } }]),
    message: `${at}.healthCheck.onFailure: Stop needs restart: Never, because restart: Always starts the container again`,
  },
  'a restart that is none': {
    workloads: one([{ restart: 'Never', healthCheck: { ...health, onFailure: 'Restart' } }]),
    message: `${at}.healthCheck.onFailure: Restart needs restart: Always or OnFailure, because restart: Never leaves the container stopped`,
  },
  'an image without a digest': {
    workloads: one([{}]),
    digests: new Map(),
    message: `${at}.image: registry.example/web:1 was not resolved to a digest`,
  },
  'a digest that is none': {
    workloads: one([{}]),
    digests: new Map([['registry.example/web:1', 'sha256:abc']]),
    message: `${at}.image: registry.example/web:1 was not resolved to a digest`,
  },
  'what is no image': {
    workloads: one([{ image: 'registry.example/a..b' }]),
    message: `${at}.image: "registry.example/a..b" is not host/repository[:tag][@sha256:...]`,
  },
};

for (const [name, { workloads, spec, digests, message }] of Object.entries(cases)) {
  test(`refused: ${name}`, () => {
    const whole = specOf({ ...spec, workloads });
    const images = digests ?? digestsOf(workloadImages(whole));
    assert.throws(
      () => render({ definition: 'worker', spec: whole, inputs: inputsOf({}), workloadImages: images }),
      (error: unknown) => {
        assert.ok(error instanceof StallingError, String(error));
        assert.deepEqual([error.reason, error.message], ['RenderFailed', message]);
        return true;
      },
    );
  });
}
