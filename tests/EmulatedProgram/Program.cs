using Edifice.Cli.Commands;
using Edifice.Engine;
using Edifice.Engine.Cuda;
using PtxEmulator;
using PtxEmulator.Libraries;

CudaBackend.Register();
DeviceOption.Add("cuda-emulated", () =>
{
    const int Index = 99;
    CudaBackend.Register(Index, () =>
    {
        var driver = new EmulatedDriver();
        return new CudaBackend(driver, new EmulatedBlas(driver), new EmulatedFourier(driver), Index);
    });
    return Device.CudaAt(Index);
});
return CommandTree.Run(args);
