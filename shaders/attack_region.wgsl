// The mask of a region that is not the CFR itself.
// cam [N, PIXELS] (Lhat), cfr u32 [N, 2] (empty flag, pixels), key u32 [N, 2] (seed, image), given [PIXELS], settings [N, SETTINGS]; out mask [N, PIXELS], area u32 [N]: pixels above 0.
// KIND 0: all; 1: outside of the CFR; 2: as many pixels as the CFR at random, outside of it where it leaves enough; 3: the same, anywhere;
//      4: the given mask; 5: the mask as it is (only counted).
// An empty CFR stands for the whole image, as in the explanation. One workgroup of WG (a power of two) invocations an image.
@group(0) @binding(0) var<storage, read> cam: array<f32>;
@group(0) @binding(1) var<storage, read> cfr: array<u32>;
@group(0) @binding(2) var<storage, read> key: array<u32>;
@group(0) @binding(3) var<storage, read> given: array<f32>;
@group(0) @binding(4) var<storage, read> settings: array<f32>;
@group(0) @binding(5) var<storage, read_write> mask: array<f32>;
@group(0) @binding(6) var<storage, read_write> area: array<u32>;

// The random rank of a pixel: unequal for unequal pixels of one image but for one pair in 2^32.
fn rankOf(image: i32, p: i32) -> u32 {
  return random4(key[2 * image], key[2 * image + 1], u32(p), 0x7e610000u).x;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = i32(local);
  let image = i32(group.x);
  let at = image * PIXELS;
  let tau = settings[image * SETTINGS + SET_TAU];
  let empty = cfr[2 * image] == 1u;
  let pixels = select(i32(cfr[2 * image + 1]), PIXELS, empty);

//#if KIND == 2 || KIND == 3
  let elsewhere = KIND == 2 && PIXELS - pixels >= pixels;
  // The least threshold below which there are as many ranks as pixels are wanted, bit by bit.
  var threshold = 0u;
  for (var bit = 31; bit >= 0; bit--) {
    let tried = threshold | (1u << u32(bit));
    var below = 0.0;
    for (var p = i; p < PIXELS; p += WG) {
      let free = !elsewhere || cam[at + p] < tau;
      below += select(0.0, 1.0, free && rankOf(image, p) < tried);
    }
    if (i32(total(below, i)) < pixels) {
      threshold = tried;
    }
  }
//#endif

  var count = 0.0;
  for (var p = i; p < PIXELS; p += WG) {
//#if KIND == 0
    let m = 1.0;
//#endif
//#if KIND == 1
    let m = select(0.0, 1.0, !empty && cam[at + p] < tau);
//#endif
//#if KIND == 2 || KIND == 3
    let m = select(0.0, 1.0, (!elsewhere || cam[at + p] < tau) && rankOf(image, p) <= threshold);
//#endif
//#if KIND == 4
    let m = given[p];
//#endif
//#if KIND == 5
    let m = mask[at + p];
//#else
    mask[at + p] = m;
//#endif
    count += select(0.0, 1.0, m > 0.0);
  }
  let covered = total(count, i);
  if (i == 0) {
    area[image] = u32(covered);
  }
}
