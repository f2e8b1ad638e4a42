import { createEngine, Graph, KernelError } from 'cfr-attack/engine';

const text = `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> doubled: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < u32(COUNT)) { doubled[id.x] = 2.0 * x[id.x]; }
}`;

const graph = new Graph();
const x = graph.input('x', [100]);
const doubled = graph.variable('doubled', [100]);
graph.procedure('double', () => {
  graph.custom({
    label: 'double',
    shader: { name: 'double', text },
    constants: { COUNT: 100 },
    reads: [x],
    writes: [doubled],
    workgroups: [2, 1, 1],
  });
  return undefined;
});

const engine = await createEngine();
try {
  const program = await engine.compile(graph);
  program.write(
    x,
    Float32Array.from({ length: 100 }, (_, i) => i),
  );
  await program.run(['double', 1]);
  console.log(`99 doubled is ${(await program.read(doubled))[99]}`);
} catch (error) {
  if (error instanceof KernelError) console.error(error.message);
  else throw error;
} finally {
  engine.close();
}
