using Edifice.Cli.Commands;
using Edifice.Engine.Cuda;

CudaBackend.Register();
return CommandTree.Run(args);
