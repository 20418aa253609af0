@echo off
rem The command line of an installed Vitrine. The app's own program runs it as plain Node.
setlocal
set ELECTRON_RUN_AS_NODE=1
"%~dp0..\Vitrine.exe" --disable-warning=DEP0180 "%~dp0..\resources\app.asar\out\cli\vitrine.js" %*
exit /b %ERRORLEVEL%
