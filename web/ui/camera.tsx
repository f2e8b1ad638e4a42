/** A picture from the camera. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { imageFrom } from '../../data/canvas.js';
import { choose } from '../actions.js';

export function Camera({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const failure = useSignal<string | undefined>(undefined);
  const running = useSignal(false);
  useEffect(() => {
    let stream: MediaStream | undefined;
    let left = false;
    dialog.current?.showModal();
    const open = async () => {
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
        if (left) return stop();
        video.current!.srcObject = stream;
        await video.current!.play();
        running.value = true;
      } catch (error) {
        failure.value = `No camera: ${(error as Error).message}. Allow it for this page, or drop an image instead.`;
      }
    };
    const stop = () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    void open();
    return () => {
      left = true;
      stop();
    };
  }, []);
  const take = () => {
    choose({ image: imageFrom(video.current!), name: 'camera', className: null, index: undefined });
    onClose();
  };
  return (
    <dialog ref={dialog} onClose={onClose} aria-label="Camera">
      <video ref={video} playsInline muted />
      {failure.value !== undefined && (
        <p class="error" role="alert">
          {failure.value}
        </p>
      )}
      <div class="row end">
        <button type="button" class="quiet" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="primary" disabled={!running.value} onClick={take}>
          Take picture
        </button>
      </div>
    </dialog>
  );
}
