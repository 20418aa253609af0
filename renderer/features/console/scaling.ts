/** How a guest's pixels become the host's. `fit` fills the mat and keeps the shape; numbers are host pixels for a guest pixel. */
export type Scaling = 'fit' | 1 | 2 | 3;

export const SCALINGS: readonly { value: Scaling; title: string }[] = [
  { value: 'fit', title: 'Fit the window' },
  { value: 1, title: '1:1 pixels' },
  { value: 2, title: '2:1 pixels' },
  { value: 3, title: '3:1 pixels' },
];

interface Size {
  width: number;
  height: number;
}

/**
 * The size of the guest's screen on the page, in CSS pixels. `pixelRatio` is host pixels per CSS pixel: at 1:1 one guest pixel is
 * exactly one host pixel, whatever the zoom. With `wholePixels`, `fit` takes the largest whole factor that fits.
 */
export function screenSize(guest: Size, mat: Size, scaling: Scaling, pixelRatio: number, wholePixels: boolean): Size & { factor: number } {
  const host = { width: mat.width * pixelRatio, height: mat.height * pixelRatio };
  const fitting = Math.min(host.width / guest.width, host.height / guest.height);
  const whole = Math.floor(fitting);
  const factor = scaling !== 'fit' ? scaling : wholePixels && whole >= 1 ? whole : fitting;
  return { width: (guest.width * factor) / pixelRatio, height: (guest.height * factor) / pixelRatio, factor };
}
