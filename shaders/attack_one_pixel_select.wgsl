// A child takes its parent's place where it is fitter, in round 0 always; the fittest of all is noted. Nothing changes on an image that is done.
// children, parents [N, POPULATION, COUNT, 5], fitness [N, 2, POPULATION], state [N, STATE].
// One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> children: array<f32>;
@group(0) @binding(1) var<storage, read_write> state: array<f32>;
@group(0) @binding(2) var<storage, read_write> parents: array<f32>;
@group(0) @binding(3) var<storage, read_write> fitness: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let s = image * STATE;
  let size = COUNT * 5;
  let old = 2 * image * POPULATION;
  let fresh = old + POPULATION;
  let first = state[s + SLOT_ROUND] == 0.0;
  let live = state[s + SLOT_DONE] < 0.5;
  var value = 3.4e38;
  var index = 0;
  for (var member = i; member < POPULATION; member += WG) {
    if (live && (first || fitness[fresh + member] > fitness[old + member])) {
      fitness[old + member] = fitness[fresh + member];
      let at = (image * POPULATION + member) * size;
      for (var g = 0; g < size; g++) {
        parents[at + g] = children[at + g];
      }
    }
    if (-fitness[old + member] < value) {
      value = -fitness[old + member];
      index = member;
    }
  }
  let fittest = least(value, index, i).index;
  // Nobody may still have to read the state that is written now.
  storageBarrier();
  if (i == 0) {
    state[s + SLOT_ROUND] += 1.0;
    state[s + SLOT_SLICE] = 0.0;
    state[s + SLOT_FITTEST] = f32(fittest);
  }
}
