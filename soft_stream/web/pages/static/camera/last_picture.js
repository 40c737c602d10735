// Shows the last picture of the camera until it delivers frames: dimmed, with its age.

import { get } from "../shared/api.js";

export async function showLastPicture(player) {
  try {
    const response = await get("thumbnail.jpg");
    const age = Number(response.headers.get("X-Age-Ms")) / 1000;
    if (age) player.showOld(await response.arrayBuffer(), age); // a proxy that drops the age makes the picture useless
  } catch (error) {
    console.debug(error); // the page says why there is no picture, also without it
  }
}
