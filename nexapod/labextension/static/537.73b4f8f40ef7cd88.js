"use strict";(self.rspackChunknexapod=self.rspackChunknexapod||[]).push([[537],{247(e,n,r){var t=r(601),o=r.n(t),a=r(314),i=(r.n(a))()(o());i.push([e.id,`.nxp-Sidebar {
  display: flex;
  flex-direction: column;
  overflow-y: auto;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size1);
  font-family: var(--jp-ui-font-family);
}

.nxp-Sidebar-header {
  display: flex;
  align-items: center;
  justify-content: space-between;
  padding: 8px 8px 6px 12px;
}

.nxp-Sidebar-header h2 {
  margin: 0;
  font-size: var(--jp-ui-font-size0);
  font-weight: 600;
  letter-spacing: 1px;
  text-transform: uppercase;
}

.nxp-Sidebar-note {
  margin: 0 12px 8px;
  color: var(--jp-ui-font-color2);
}

.nxp-Sidebar-empty {
  padding: 4px 12px;
  line-height: 1.45;
}

.nxp-Sidebar-empty p {
  margin: 0 0 8px;
  color: var(--jp-ui-font-color2);
}

.nxp-Sidebar-empty code {
  display: block;
  margin-bottom: 12px;
  padding: 6px 8px;
  border-radius: 3px;
  background: var(--jp-layout-color2);
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
  user-select: all;
}

.nxp-Sidebar-list {
  margin: 0;
  padding: 0;
  list-style: none;
}

.nxp-Card {
  display: flex;
  flex-direction: column;
  gap: 4px;
  padding: 8px 8px 4px 12px;
  border-top: var(--jp-border-width) solid var(--jp-border-color2);
}

.nxp-Card:last-child {
  border-bottom: var(--jp-border-width) solid var(--jp-border-color2);
}

.nxp-Card[data-state="waiting"] .nxp-JobsBar,
.nxp-Card[data-state="waiting"] .nxp-Sparkline {
  opacity: 0.45;
}

.nxp-Card-top,
.nxp-Card-bottom {
  display: flex;
  align-items: center;
  gap: 2px;
}

.nxp-Card-name {
  flex: 1;
  min-width: 0;
  padding: 0;
  border: none;
  background: none;
  color: var(--jp-ui-font-color0);
  font: inherit;
  font-weight: 600;
  text-align: left;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
  cursor: pointer;
}

.nxp-Card-name:disabled {
  cursor: default;
}

.nxp-Card-name:hover:enabled {
  text-decoration: underline;
}

.nxp-Card-line {
  color: var(--jp-ui-font-color2);
  font-variant-numeric: tabular-nums;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}

.nxp-Card-bottom .nxp-Card-line {
  flex: 1;
  min-width: 0;
}

.nxp-Sparkline {
  flex: none;
  width: 60px;
  height: 18px;
  margin-right: 4px;
  fill: var(--jp-brand-color1);
  fill-opacity: 0.55;
}

.nxp-JobsBar {
  display: flex;
  height: 6px;
  margin-right: 4px;
  border-radius: 3px;
  overflow: hidden;
  background: var(--jp-layout-color2);
}

.nxp-JobsBar > span {
  flex: 0 0 2px;
}

.nxp-IconButton {
  display: inline-flex;
  align-items: center;
  justify-content: center;
  width: 24px;
  height: 24px;
  flex: none;
  padding: 0;
  border: none;
  border-radius: 3px;
  background: none;
  cursor: pointer;
}

.nxp-IconButton:hover {
  background: var(--jp-layout-color2);
}

.nxp-IconButton > span {
  display: flex;
}

.nxp-IconButton svg {
  width: 16px;
  height: 16px;
}

.nxp-Sidebar :focus-visible,
.nxp-StatusItem :focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 1px;
}

.nxp-FleetTab {
  overflow: auto;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
}

.nxp-StatusItem > button {
  display: block;
  padding: 0 4px;
  border: none;
  background: none;
  color: var(--jp-ui-font-color1);
  font-family: var(--jp-ui-font-family);
  font-size: var(--jp-ui-font-size1);
  line-height: 24px;
  cursor: pointer;
  font-variant-numeric: tabular-nums;
}
`,""]),r.d(n,{},{A:i})},314(e){e.exports=function(e){var n=[];return n.toString=function(){return this.map(function(n){var r="",t=void 0!==n[5];return n[4]&&(r+="@supports (".concat(n[4],") {")),n[2]&&(r+="@media ".concat(n[2]," {")),t&&(r+="@layer".concat(n[5].length>0?" ".concat(n[5]):""," {")),r+=e(n),t&&(r+="}"),n[2]&&(r+="}"),n[4]&&(r+="}"),r}).join("")},n.i=function(e,r,t,o,a){"string"==typeof e&&(e=[[null,e,void 0]]);var i={};if(t)for(var p=0;p<this.length;p++){var l=this[p][0];null!=l&&(i[l]=!0)}for(var c=0;c<e.length;c++){var s=[].concat(e[c]);t&&i[s[0]]||(void 0!==a&&(void 0===s[5]||(s[1]="@layer".concat(s[5].length>0?" ".concat(s[5]):""," {").concat(s[1],"}")),s[5]=a),r&&(s[2]&&(s[1]="@media ".concat(s[2]," {").concat(s[1],"}")),s[2]=r),o&&(s[4]?(s[1]="@supports (".concat(s[4],") {").concat(s[1],"}"),s[4]=o):s[4]="".concat(o)),n.push(s))}},n}},601(e){e.exports=function(e){return e[1]}},72(e){var n=[];function r(e){for(var r=-1,t=0;t<n.length;t++)if(n[t].identifier===e){r=t;break}return r}function t(e,t){for(var o={},a=[],i=0;i<e.length;i++){var p=e[i],l=t.base?p[0]+t.base:p[0],c=o[l]||0,s="".concat(l," ").concat(c);o[l]=c+1;var d=r(s),u={css:p[1],media:p[2],sourceMap:p[3],supports:p[4],layer:p[5]};if(-1!==d)n[d].references++,n[d].updater(u);else{var f=function(e,n){var r=n.domAPI(n);return r.update(e),function(n){n?(n.css!==e.css||n.media!==e.media||n.sourceMap!==e.sourceMap||n.supports!==e.supports||n.layer!==e.layer)&&r.update(e=n):r.remove()}}(u,t);t.byIndex=i,n.splice(i,0,{identifier:s,updater:f,references:1})}a.push(s)}return a}e.exports=function(e,o){var a=t(e=e||[],o=o||{});return function(e){e=e||[];for(var i=0;i<a.length;i++){var p=r(a[i]);n[p].references--}for(var l=t(e,o),c=0;c<a.length;c++){var s=r(a[c]);0===n[s].references&&(n[s].updater(),n.splice(s,1))}a=l}}},659(e){var n={};e.exports=function(e,r){var t=function(e){if(void 0===n[e]){var r=document.querySelector(e);if(window.HTMLIFrameElement&&r instanceof window.HTMLIFrameElement)try{r=r.contentDocument.head}catch(e){r=null}n[e]=r}return n[e]}(e);if(!t)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");t.appendChild(r)}},540(e){e.exports=function(e){var n=document.createElement("style");return e.setAttributes(n,e.attributes),e.insert(n,e.options),n}},56(e,n,r){e.exports=function(e){var n=r.nc;n&&e.setAttribute("nonce",n)}},825(e){e.exports=function(e){if("u"<typeof document)return{update:function(){},remove:function(){}};var n=e.insertStyleElement(e);return{update:function(r){var t,o,a;t="",r.supports&&(t+="@supports (".concat(r.supports,") {")),r.media&&(t+="@media ".concat(r.media," {")),(o=void 0!==r.layer)&&(t+="@layer".concat(r.layer.length>0?" ".concat(r.layer):""," {")),t+=r.css,o&&(t+="}"),r.media&&(t+="}"),r.supports&&(t+="}"),(a=r.sourceMap)&&"u">typeof btoa&&(t+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(a))))," */")),e.styleTagTransform(t,n,e.options)},remove:function(){var e;null===(e=n).parentNode||e.parentNode.removeChild(e)}}}},113(e){e.exports=function(e,n){if(n.styleSheet)n.styleSheet.cssText=e;else{for(;n.firstChild;)n.removeChild(n.firstChild);n.appendChild(document.createTextNode(e))}}},264(e,n,r){var t=r(72),o=r.n(t),a=r(825),i=r.n(a),p=r(659),l=r.n(p),c=r(56),s=r.n(c),d=r(540),u=r.n(d),f=r(113),x=r.n(f),v=r(247),m={};m.styleTagTransform=x(),m.setAttributes=s(),m.insert=l().bind(null,"head"),m.domAPI=i(),m.insertStyleElement=u(),o()(v.A,m),v.A&&v.A.locals&&v.A.locals}}]);