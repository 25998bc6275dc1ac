// Completes package-lock.json after an install through a registry that lacks packages of other platforms: npm then leaves them out and `npm ci`
// refuses the file. Adds them with version and platform (no integrity), and removes download addresses. Usage: node scripts/complete-lockfile.mjs
import fs from 'node:fs'
const file = 'package-lock.json'
const lock = JSON.parse(fs.readFileSync(file,'utf8'))
const added=[]
for (const [place, pkg] of Object.entries(lock.packages)) {
  delete pkg.resolved
  for (const [name, version] of Object.entries(pkg.optionalDependencies ?? {})) {
    // resolution: nested first then up
    let base = place, found=false
    for(;;){ const p=(base?base+'/':'')+'node_modules/'+name; if(lock.packages[p]){found = lock.packages[p].version===version || !/^\d/.test(version); if(found)break}
      const i=base.lastIndexOf('node_modules/'); if(base==='')break; base = i>0? base.slice(0,i-1):'' }
    if(found) continue
    const top='node_modules/'+name
    const at = lock.packages[top] ? place+'/node_modules/'+name : (place.lastIndexOf('node_modules/')>0? place+'/node_modules/'+name : top)
    const os = /darwin/.test(name)?'darwin':/win32|windows/.test(name)?'win32':/android/.test(name)?'android':/freebsd/.test(name)?'freebsd':/openharmony/.test(name)?'openharmony':/netbsd/.test(name)?'netbsd':/openbsd/.test(name)?'openbsd':/sunos/.test(name)?'sunos':/aix/.test(name)?'aix':/linux/.test(name)?'linux':null
    const cpu = /wasm32/.test(name)?'wasm32':/arm64|aarch64/.test(name)?'arm64':/riscv64/.test(name)?'riscv64':/ppc64/.test(name)?'ppc64':/s390x/.test(name)?'s390x':/loong64/.test(name)?'loong64':/mips64el/.test(name)?'mips64el':/arm/.test(name)?'arm':/ia32/.test(name)?'ia32':/x64|64$/.test(name)?'x64':null
    const e={version:version.replace(/^[\^~]/,'')}
    if(cpu)e.cpu=[cpu]; if(pkg.dev)e.dev=true; e.optional=true; if(os)e.os=[os]
    if(os==='linux') { if(/musl/.test(name)) e.libc=['musl']; else if(/gnu/.test(name)) e.libc=['glibc'] }
    lock.packages[at]=e; added.push(at+' '+JSON.stringify(e))
  }
}
lock.packages=Object.fromEntries(Object.entries(lock.packages).sort(([a],[b])=>a<b?-1:1))
fs.writeFileSync(file,JSON.stringify(lock,null,2)+'\n')
console.log(added.length); console.log(added.join('\n'))
