/** Holds what `shaders/README.md` says of how kernels are registered. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';

const users = ['shaders', 'engine', 'attack', 'train', 'bench'].flatMap((room) =>
  readdirSync(room, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
    .map((file) => join(room, file)),
);

describe('kernels', () => {
  test('are imported beside their lowering, each by one file', () => {
    const importers = new Map(
      readdirSync('shaders')
        .filter((file) => file.endsWith('.wgsl'))
        .map((file) => [file, [] as string[]]),
    );
    for (const user of users) {
      for (const [, path] of readFileSync(user, 'utf8').matchAll(/from '([^']+\.wgsl)'/g))
        importers.get(basename(path!))!.push(user);
    }
    expect([...importers].filter(([, files]) => files.length !== 1)).toEqual([]);
  });

  test('are named as their files', () => {
    const misnamed = users.flatMap((user) => {
      const text = readFileSync(user, 'utf8');
      const imported = new Map(
        [...text.matchAll(/import (\w+) from '[^']*\/(\w+)\.wgsl'/g)].map(([, name, file]) => [name, file]),
      );
      return [...text.matchAll(/shaderSource\(\s*'(\w+)',\s*(\w+)/g)]
        .filter(([, name, variable]) => imported.get(variable) !== name)
        .map(([call]) => `${user}: ${call}`);
    });
    expect(misnamed).toEqual([]);
    const unregistered = users.filter((user) =>
      /shader: \{|name: .\w+., text:/.test(readFileSync(user, 'utf8')),
    );
    expect(unregistered).toEqual([]);
  });
});
