import { attackImage, createEngine, openModel, readImage, writePng } from 'cfr-attack';

const engine = await createEngine();
const model = await openModel('resnet18-cifar10');
const image = await readImage(process.argv[2] ?? 'examples/cat.png');
const { before, after, adversarial, l2, ssim } = await attackImage(engine, model, image, { iterations: 20 });
console.log(`${before[0].label} -> ${after[0].label}, l2 ${l2.toFixed(3)}, SSIM ${ssim.toFixed(4)}`);
await writePng('adversarial.png', adversarial);
engine.close();
