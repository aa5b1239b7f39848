import { Module } from '@nestjs/common';
import { openRoads, Roads } from './transports.js';

@Module({
  providers: [{ provide: Roads, useFactory: () => openRoads(process.env) }],
  exports: [Roads],
})
export class RoadsModule {}
