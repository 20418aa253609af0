/** noVNC as a page can be given it: the same client as the console's, for a server of another program. */
import RFB from '@novnc/novnc';

let viewer;

/** Shows the server in a place of the guest's size in the middle of the window. */
globalThis.showServer = (url) =>
  new Promise((resolve, reject) => {
    const place = document.createElement('div');
    place.id = 'peer';
    place.style.cssText = 'position:fixed;inset:60px auto auto 60px;width:640px;height:480px;z-index:9';
    document.body.append(place);
    viewer = new RFB(place, url, { shared: true });
    viewer.viewOnly = true;
    viewer.scaleViewport = true;
    viewer.addEventListener('connect', () => resolve(true));
    viewer.addEventListener('disconnect', ({ detail }) => reject(new Error(`disconnected${detail.clean ? '' : ' uncleanly'}`)));
  });

globalThis.hideServer = () => {
  viewer?.disconnect();
  document.querySelector('#peer')?.remove();
};
