using Edifice.Engine.Backends;

namespace Edifice.Engine.Cpu;

public sealed partial class CpuBackend
{
}
