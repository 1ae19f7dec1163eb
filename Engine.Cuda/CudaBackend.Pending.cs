using Edifice.Engine.Backends;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    private static NotSupportedException Pending() => new("this kernel family is not written yet");
}
