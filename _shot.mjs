import { chromium } from 'playwright-core';
import { serveWeb } from './scripts/web.mjs';
const server = await serveWeb(0);
const url = `http://localhost:${server.address().port}/`;
const browser = await chromium.launch({ executablePath:'/usr/bin/chromium', args:['--headless=new','--no-sandbox','--enable-unsafe-webgpu','--use-webgpu-adapter=swiftshader','--disable-background-networking','--ignore-gpu-blocklist'] });
const page = await browser.newPage({ viewport:{width:1280,height:900}, colorScheme: process.env.SCHEME ?? 'light' });
page.on('console', m=>console.log('console', m.type(), m.text()));
page.on('pageerror', e=>console.log('pageerror', e.message));
const t=Date.now();
await page.goto(url + (process.env.QUERY ?? ''));
const log = (s)=>console.log(((Date.now()-t)/1000).toFixed(1), s);
await page.waitForSelector('.lane canvas', {timeout:120000}); log('explained');
await page.screenshot({path:'/tmp/s1.png', fullPage:true});
if (!process.env.FIRST) {
await page.click('button.large'); 
await page.waitForSelector('.timeline input:not([disabled])', {timeout:120000}); log('first frame');
await page.waitForTimeout(1500);
await page.screenshot({path:'/tmp/s2.png', fullPage:true});
await page.waitForSelector('.menu', {timeout:300000}); log('done');
console.log(await page.textContent('.verdict'));
await page.screenshot({path:'/tmp/s3.png', fullPage:true});
await page.setViewportSize({width:390,height:844}); await page.screenshot({path:'/tmp/s4.png', fullPage:true});
await page.emulateMedia({colorScheme:'dark'}); await page.setViewportSize({width:1280,height:900}); await page.screenshot({path:'/tmp/s5.png', fullPage:true});
}
await browser.close(); server.close();
